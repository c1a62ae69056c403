"""faiss: IndexFlatIP, the exact index."""

import faiss
import numpy as np

from common import THREADS, Job, rows

faiss.omp_set_num_threads(THREADS)


def versions() -> dict:
    return {"faiss-cpu": faiss.__version__}


def topk(params: dict) -> Job:
    index = faiss.IndexFlatIP(params["dim"])
    index.add(rows(params["rows"], params["dim"]))
    queries, found = rows(params["queries"], params["dim"], params["count"]), {}

    def run() -> None:
        _, found["ids"] = index.search(queries, params["k"])

    return Job(f"IndexFlatIP, default thresholds, {THREADS} thread(s)", run, lambda: found["ids"].astype(np.int32))


JOBS = {"topk": topk}
