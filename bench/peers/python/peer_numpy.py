"""numpy: OpenBLAS' sgemm, and argpartition over a block of the scores for top-k."""

import numpy as np

from common import THREADS, Job, rows

BLOCK = 16_384


def versions() -> dict:
    return {"numpy": np.__version__}


def dense(params: dict) -> Job:
    a, b = rows(params["a"], params["dim"]), rows(params["b"], params["dim"])
    out = np.empty((len(a), len(b)), np.float32)
    return Job(f"np.matmul into the same output, OpenBLAS, {THREADS} thread(s)", lambda: np.matmul(a, b.T, out=out), lambda: out)


def topk(params: dict) -> Job:
    data, k = rows(params["rows"], params["dim"]), params["k"]
    queries = rows(params["queries"], params["dim"], params["count"])
    found = np.zeros((len(queries), k), np.int32)

    def run() -> None:
        best, ids = np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        for start in range(0, len(data), BLOCK):
            scores = queries @ data[start : start + BLOCK].T
            top = np.argpartition(scores, -k, axis=1)[:, -k:] if scores.shape[1] > k else np.tile(np.arange(scores.shape[1]), (len(queries), 1))
            best = np.concatenate([best, np.take_along_axis(scores, top, 1)], 1)
            ids = np.concatenate([ids, top + start], 1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        found[:] = np.take_along_axis(ids, order, 1)

    return Job(f"matmul by blocks of {BLOCK} rows and argpartition, OpenBLAS, {THREADS} thread(s)", run, lambda: found)


JOBS = {"dense": dense, "topk": topk}
