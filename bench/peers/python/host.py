"""A process that runs one Python peer: requests on descriptor 3, replies on 4 (src/bench/protocol.ts)."""

import gc
import importlib
import json
import os
import sys
import time

import numpy as np

PEER = sys.argv[1]
DTYPES = {"float32": np.float32, "int32": np.int32, "uint8": np.uint8}


def run(job, iterations: int) -> dict:
    """Times the iterations with the garbage collector off, as timeit does."""
    step = job.run
    gc.disable()
    start = time.perf_counter()
    for _ in range(iterations):
        step()
    seconds = time.perf_counter() - start
    gc.enable()
    return {"seconds": seconds}


def write_output(job, file: str) -> dict:
    job.run()
    array = np.ascontiguousarray(job.output())
    name = next((name for name, dtype in DTYPES.items() if array.dtype == dtype), "float32")
    array.astype(DTYPES[name]).tofile(file)
    return {"dtype": name, "shape": list(array.shape)}


def main() -> None:
    try:
        module = importlib.import_module(f"peer_{PEER}")
        problem = None
    except ImportError as error:
        module, problem = None, str(error)
    jobs: dict = {}

    def answer(request: dict) -> dict:
        if module is None:
            return {"error": f"{PEER} is not installed: {problem}", "absent": True}
        verb = request["verb"]
        if verb == "hello":
            return {"versions": module.versions(), "jobs": list(module.JOBS)}
        if verb == "open":
            factory = module.JOBS.get(request["job"])
            if factory is None:
                return {"error": f"{PEER} has no {request['job']}", "absent": True}
            jobs[request["handle"]] = job = factory(request["params"])
            return {"settings": job.settings}
        job = jobs[request["handle"]]
        if verb == "run":
            return run(job, request["iterations"])
        if verb == "output":
            return write_output(job, request["file"])
        if hasattr(job, "close"):
            job.close()
        del jobs[request["handle"]]
        gc.collect()
        return {}

    with os.fdopen(3, "r") as requests, os.fdopen(4, "w") as replies:
        for line in requests:
            try:
                reply = answer(json.loads(line))
            except Exception as error:  # whatever a peer throws is the reply, not the end of the host
                reply = {"error": f"{type(error).__name__}: {error}", "absent": False}
            replies.write(json.dumps(reply) + "\n")
            replies.flush()


main()
