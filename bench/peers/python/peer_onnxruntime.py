"""onnxruntime: the encoder alone, and the encoder fed by Pillow in worker processes."""

import io
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import onnxruntime as ort
from PIL import Image

from common import THREADS, Job, read


def versions() -> dict:
    return {"onnxruntime": ort.__version__}


def session(file: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    return ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def encode(params: dict) -> Job:
    model = session(params["file"])
    shape = params["shape"]
    dtype = {"float32": np.float32, "int64": np.int64}[params["dtype"]]
    feed = {params["input"]: np.fromfile(params["data"], dtype).reshape(shape)}
    out = {}

    def run() -> None:
        (out["rows"],) = model.run([params["output"]], feed)

    return Job(f"InferenceSession.run, {THREADS} thread(s)", run, lambda: out["rows"])


def pixels(file: str, size: int, mean: list, std: list) -> np.ndarray:
    picture = Image.open(io.BytesIO(read(file))).convert("RGB")
    width, height = picture.size
    short = min(width, height)
    new = (int(size * width / short), int(size * height / short))
    picture = picture.resize(new, Image.Resampling.BICUBIC)
    left, top = (new[0] - size) // 2, (new[1] - size) // 2
    picture = picture.crop((left, top, left + size, top + size))
    scaled = np.asarray(picture, np.float32) * np.float32(1 / 255)
    return ((scaled - np.array(mean, np.float32)) / np.array(std, np.float32)).transpose(2, 0, 1)


def batch_of(job: tuple) -> np.ndarray:
    files, size, mean, std = job
    return np.stack([pixels(file, size, mean, std) for file in files])


class Embed:
    """Two worker processes decode and resize batches ahead of the encoder, as a DataLoader does."""

    def __init__(self, params: dict) -> None:
        self.params, self.model, self.rows = params, session(params["file"]), np.empty((0, 0))
        self.workers = ProcessPoolExecutor(2)
        self.settings = f"Pillow in 2 worker processes, batches of {params['batch']}, {THREADS} encoder thread(s)"
        files, batch = params["files"], params["batch"]
        self.jobs = [
            (files[at : at + batch], params["size"], params["mean"], params["std"]) for at in range(0, len(files), batch)
        ]

    def run(self) -> None:
        rows = []
        for batch in self.workers.map(batch_of, self.jobs):
            (embeds,) = self.model.run([self.params["output"]], {self.params["input"]: batch})
            rows.append(embeds / np.linalg.norm(embeds, axis=1, keepdims=True))
        self.rows = np.concatenate(rows)

    def output(self) -> np.ndarray:
        return self.rows

    def close(self) -> None:
        self.workers.shutdown()


JOBS = {"encode": encode, "embed": Embed}
