"""What several Python peers need."""

import os

import numpy as np

THREADS = int(os.environ.get("DIPTYCH_BENCH_THREADS", "1"))


def rows(file: str, dim: int, count: int | None = None) -> np.ndarray:
    """Raw float32 rows of a file."""
    data = np.fromfile(file, dtype=np.float32).reshape(-1, dim)
    return data if count is None else data[:count].copy()


def read(file: str) -> bytes:
    with open(file, "rb") as stream:
        return stream.read()


class Job:
    """One piece of work: `run` is timed, `output` is what the last run gave."""

    def __init__(self, settings: str, run, output=None) -> None:
        self.settings = settings
        self.run = run
        if output is not None:
            self.output = output
