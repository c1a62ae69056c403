"""Frozen features of whole image sets, computed once and kept in training/cache/features."""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import onnxruntime as ort
from onnx import TensorProto

from . import efficientnet, images
from .graph import Graph
from .sources import CACHE

THREADS = int(os.environ.get("TRAIN_THREADS", "2"))


def session(path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def body_session(size: int, image_size: int) -> ort.InferenceSession:
    """EfficientNet-Lite`size` with its pooled features as the only output, float32."""
    path = CACHE / "bodies" / f"lite{size}_{image_size}.onnx"
    if not path.exists():
        graph = Graph("body")
        pixels = graph.input("pixel_values", TensorProto.FLOAT, ["batch", 3, image_size, image_size])
        features, _logits = efficientnet.add_body(graph, efficientnet.load(size), pixels, image_size, "f32")
        graph.output(features, "features", ["batch", 1280])
        graph.save(path, "")
    return session(path)


def extract(name: str, count: int, load, size: int, image_size: int, batch: int = 25) -> np.ndarray:
    """float16 [count, 1280]; `load(start, stop)` gives float32 pixel tensors. Goes on where it was stopped."""
    folder = CACHE / "features"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / f"{name}.lite{size}.{image_size}.npy"
    if done.exists():
        return np.load(done, mmap_mode="r")
    part = done.with_suffix(".part")
    rows = np.memmap(part, np.float16, "r+" if part.exists() else "w+", shape=(count, 1280))
    marker = done.with_suffix(".at")
    at = int(marker.read_text()) if marker.exists() else 0
    run, began, first = body_session(size, image_size), time.time(), at
    while at < count:
        stop = min(at + batch, count)
        rows[at:stop] = run.run(None, {"pixel_values": load(at, stop)})[0]
        at = stop
        if at % (batch * 40) == 0 or at == count:
            rows.flush()
            marker.write_text(str(at))
            print(f"{name}: {at}/{count}, {(at - first) / (time.time() - began):.1f} images/s", file=sys.stderr)
    np.save(done, np.asarray(rows))
    part.unlink()
    marker.unlink()
    return np.load(done, mmap_mode="r")


def cifar(split: str, size: int, image_size: int, count: int | None = None, flip: bool = False) -> np.ndarray:
    pictures = images.cifar_images(split)[:count]
    if flip:
        pictures = pictures[:, :, ::-1]
    name = f"cifar-{split}-{len(pictures)}" + ("-flip" if flip else "")
    return extract(name, len(pictures), lambda a, b: images.enlarged(np.ascontiguousarray(pictures[a:b]), image_size), size, image_size)
