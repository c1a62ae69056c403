"""torch: MKL's sgemm and torch.topk; its own threads."""

import torch

from common import THREADS, Job, rows

torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)


def versions() -> dict:
    return {"torch": torch.__version__}


def dense(params: dict) -> Job:
    a = torch.from_numpy(rows(params["a"], params["dim"]))
    b = torch.from_numpy(rows(params["b"], params["dim"]))
    out = torch.empty((len(a), len(b)))
    return Job(f"torch.mm into the same output, MKL, {THREADS} thread(s)", lambda: torch.mm(a, b.T, out=out), lambda: out.numpy())


def topk(params: dict) -> Job:
    data = torch.from_numpy(rows(params["rows"], params["dim"]))
    queries = torch.from_numpy(rows(params["queries"], params["dim"], params["count"]))
    block, k, found = 16_384, params["k"], {}

    def run() -> None:
        best, ids = [], []
        for start in range(0, len(data), block):
            part = data[start : start + block]
            values, indices = torch.topk(queries @ part.T, min(k, len(part)))
            best.append(values)
            ids.append(indices + start)
        _, order = torch.topk(torch.cat(best, 1), k)
        found["ids"] = torch.gather(torch.cat(ids, 1), 1, order)

    return Job(f"mm by blocks of {block} rows and topk, MKL, {THREADS} thread(s)", run, lambda: found["ids"].int().numpy())


JOBS = {"dense": dense, "topk": topk}
