"""What the frozen part of the image tower sees, computed once and kept in training/cache.

Kept are the activations at the cut, after which everything can still be trained: 7 x 7 x 208 float16, 20 KB an image.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import numpy as np
import onnxruntime as ort
from onnx import TensorProto

from . import augment, clipart, efficientnet, emoji, images
from .graph import Graph
from .sources import CACHE

THREADS = int(os.environ.get("TRAIN_THREADS", "2"))
CUT_BLOCK = {0: 11, 2: 15}  # the block that halves the picture for the last time
FEATURES = 1280


def session(path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def body_session(size: int, image_size: int) -> ort.InferenceSession:
    """EfficientNet-Lite`size` in float32 with two outputs: the activations at the cut and the pooled features."""
    path = CACHE / "bodies" / f"lite{size}_{image_size}.onnx"
    if not path.exists():
        graph = Graph("body")
        pixels = graph.input("pixel_values", TensorProto.FLOAT, ["batch", 3, image_size, image_size])
        net = efficientnet.load(size)
        features, _logits = efficientnet.add_body(graph, net, pixels, image_size, "f32", CUT_BLOCK[size])
        graph.output(features, "features", ["batch", FEATURES])
        graph.save(path, "")
    return session(path)


def extract(name: str, count: int, load: Callable[[int, int], np.ndarray], size: int, image_size: int, cut: bool = True,
            batch: int = 25) -> dict[str, np.ndarray]:
    """{"features": [count, 1280], "cut": [count, c, 7, 7]}, float16, on disk.

    `load(start, stop)` gives float32 pixel tensors. A stopped extraction goes on where it was.
    """
    folder = CACHE / "features" / f"{name}.lite{size}.{image_size}"
    wanted = ["cut", "features"] if cut else ["features"]
    if (folder / "done").exists():
        return {key: np.load(folder / f"{key}.npy", mmap_mode="r") for key in wanted}
    folder.mkdir(parents=True, exist_ok=True)
    run, marker = body_session(size, image_size), folder / "at"
    at = int(marker.read_text()) if marker.exists() else 0
    rows: dict[str, np.ndarray] = {}
    began, first = time.time(), at
    while at < count:
        stop = min(at + batch, count)
        for key, value in zip(wanted, run.run(wanted, {"pixel_values": load(at, stop)})):
            if key not in rows:
                rows[key] = np.lib.format.open_memmap(folder / f"{key}.npy", "r+" if first else "w+", np.float16,
                                                      (count, *value.shape[1:]))
            rows[key][at:stop] = value
        at = stop
        if at % (batch * 40) == 0 or at == count:
            for value in rows.values():
                value.flush()
            marker.write_text(str(at))
            print(f"{name}: {at}/{count}, {(at - first) / (time.time() - began):.1f} images/s", file=sys.stderr)
    (folder / "done").touch()
    marker.unlink()
    return {key: np.load(folder / f"{key}.npy", mmap_mode="r") for key in wanted}


def cifar(split: str, size: int, image_size: int, start: int, count: int, flip: bool = False, cut: bool = True) -> dict[str, np.ndarray]:
    pictures = images.cifar_images(split)[start:start + count]
    if flip:
        pictures = pictures[:, :, ::-1]
    name = f"cifar-{split}-{start}-{count}" + ("-flip" if flip else "")
    return extract(name, len(pictures), lambda a, b: images.enlarged(np.ascontiguousarray(pictures[a:b]), image_size), size,
                   image_size, cut)


def emoji_views(style: str, size: int, image_size: int, turn: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """One view of every drawing of a style (turn 0: plain on white; later turns: augmented), and each one's emoji."""
    drawings, places = emoji.art(style)
    photos = images.cifar_images("train")[:2000]

    def load(start: int, stop: int) -> np.ndarray:
        if turn == 0:
            return images.to_tensor(np.stack([augment.plain(d, image_size) for d in drawings[start:stop]]))
        seed = emoji.STYLES.index(style)
        return images.to_tensor(np.stack([augment.view(np.random.default_rng([turn, seed, start + i]), d, image_size, photos)
                                          for i, d in enumerate(drawings[start:stop])]))

    return extract(f"emoji-{style}-{turn}", len(drawings), load, size, image_size), places


def emoji_test(size: int, image_size: int, black: bool) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Twemoji as it comes: on white, or (`black`) with its alpha dropped as every CLIP preprocessor does."""
    pictures, places = emoji.art(emoji.HELD_OUT)
    flat = pictures[..., :3] if black else emoji.on_white(pictures)
    name = "twemoji-dropped" if black else "twemoji-white"
    return extract(name, len(flat), lambda a, b: images.enlarged(np.ascontiguousarray(flat[a:b]), image_size), size, image_size), places


def has_views(style: str, size: int, image_size: int, turn: int) -> bool:
    return (CACHE / "features" / f"emoji-{style}-{turn}.lite{size}.{image_size}" / "done").exists()


def clipart_views(size: int, image_size: int, turn: int) -> tuple[dict[str, np.ndarray], list[str], list[str]]:
    pictures, captions, folders = clipart.art()
    photos = images.cifar_images("train")[:2000]

    def load(start: int, stop: int) -> np.ndarray:
        return images.to_tensor(np.stack([augment.view(np.random.default_rng([turn, 99, start + i]), d, image_size, photos)
                                          for i, d in enumerate(pictures[start:stop])]))

    return extract(f"clipart-{turn}", len(pictures), load, size, image_size), captions, folders
