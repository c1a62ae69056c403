"""What the frozen part of the image tower sees, computed once and kept in training/cache.

An image's row is its pooled features, the columns of three depths on a coarse grid (their last channels are the
activations after which everything can still be trained) and its colours: 30 KB in float16.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import onnxruntime as ort
from onnx import TensorProto

from . import augment, clipart, columns, efficientnet, emoji, everyday, images
from .graph import Graph
from .sources import CACHE

THREADS = int(os.environ.get("TRAIN_THREADS", "2"))
FEATURES = 1280


def session(path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def body_session(size: int, image_size: int) -> ort.InferenceSession:
    """EfficientNet-Lite`size` in float32 with the outputs "features", "columns" and "colours"."""
    path = CACHE / "bodies" / f"lite{size}_{image_size}.onnx"
    if not path.exists():
        graph = Graph("body")
        pixels = graph.input("pixel_values", TensorProto.FLOAT, ["batch", 3, image_size, image_size])
        body = efficientnet.add_body(graph, efficientnet.load(size), pixels, image_size, "f32", columns.TAPS[size])
        graph.output(body.features, "features", ["batch", FEATURES])
        side = columns.grid_side(image_size)
        grid, channels = columns.add_columns(graph, body, image_size)
        graph.output(grid, "columns", ["batch", channels, side, side])
        if image_size % columns.COLOUR_CELLS == 0:
            colours, count = columns.add_colours(graph, pixels, image_size)
            graph.output(colours, "colours", ["batch", count])
        graph.save(path, "")
    return session(path)


def extract(name: str, count: int, load: Callable[[int, int], np.ndarray], size: int, image_size: int, whole: bool = True,
            batch: int = 20) -> dict[str, np.ndarray]:
    """{"features": [count, 1280], "columns": [count, c, 6, 6], "colours": [count, 363]}, float16, on disk; features alone if not `whole`.

    `load(start, stop)` gives float32 pixel tensors. A stopped extraction goes on where it was.
    """
    folder = CACHE / "features" / f"{name}.lite{size}.{image_size}"
    wanted = ["features", "columns", "colours"] if whole else ["features"]
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
        if at % (batch * 25) == 0 or at == count:
            for value in rows.values():
                value.flush()
            marker.write_text(str(at))
            print(f"{name}: {at}/{count}, {(at - first) / (time.time() - began):.1f} images/s", file=sys.stderr)
    (folder / "done").touch()
    marker.unlink()
    return {key: np.load(folder / f"{key}.npy", mmap_mode="r") for key in wanted}


def cropped(image_size: int) -> str:
    """Part of a cache's name: pictures that come whole are cropped as the preprocessing says."""
    edge = images.shortest_edge(image_size)
    return "" if edge == image_size else f"-edge{edge}"


def cifar(size: int, image_size: int, count: int, crop: bool, whole: bool = True) -> dict[str, np.ndarray]:
    """CIFAR-10's first training pictures, to their edges or cropped as the preprocessing says."""
    pictures = lru_cache(maxsize=1)(lambda: images.cifar_images("train")[:count])
    return extract(f"cifar-train-0-{count}{cropped(image_size) if crop else ''}", count,
                   lambda a, b: images.enlarged(pictures()[a:b], image_size, crop), size, image_size, whole)


def ordinary(size: int, image_size: int) -> np.ndarray:
    """Pooled features [n, 1280] of the photos of everyday.taught(), cropped as the preprocessing says."""
    found = everyday.taught()[0]
    name = hashlib.sha256(everyday.TAUGHT.read_bytes()).hexdigest()[:8]
    return extract(f"ordinary-{name}{cropped(image_size)}", len(found),
                   lambda a, b: images.load_files([everyday.photo(entry) for entry in found[a:b]], image_size), size, image_size, whole=False)["features"]


def emoji_views(style: str, size: int, image_size: int, turn: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """One view of every drawing of a style (turn 0: plain on white; later turns: augmented), and each one's emoji."""
    drawings, places = lru_cache(maxsize=1)(lambda: emoji.art(style)[0]), emoji.places(style)

    def load(start: int, stop: int) -> np.ndarray:
        chosen = drawings()[start:stop]
        if turn == 0:
            return images.to_tensor(np.stack([augment.plain(d, image_size) for d in chosen]))
        seed = emoji.STYLES.index(style)
        return images.to_tensor(np.stack([augment.view(np.random.default_rng([turn, seed, start + i]), d, image_size, images.backgrounds())
                                          for i, d in enumerate(chosen)]))

    return extract(f"emoji-{style}-{turn}", len(places), load, size, image_size), places


def emoji_test(size: int, image_size: int, black: bool, style: str = emoji.HELD_OUT) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A style as it comes: on white, or (`black`) with its alpha dropped as every CLIP preprocessor does."""
    places = emoji.places(style)
    flat = lru_cache(maxsize=1)(lambda: emoji.art(style)[0][..., :3] if black else emoji.on_white(emoji.art(style)[0]))

    def load(start: int, stop: int) -> np.ndarray:
        return images.enlarged(np.ascontiguousarray(flat()[start:stop]), image_size)

    return extract(f"{style}-{'dropped' if black else 'white'}{cropped(image_size)}", len(places), load, size, image_size), places


def has_views(style: str, size: int, image_size: int, turn: int) -> bool:
    return (CACHE / "features" / f"emoji-{style}-{turn}.lite{size}.{image_size}" / "done").exists()


def clipart_views(size: int, image_size: int, turn: int) -> tuple[dict[str, np.ndarray], list[str], list[str]]:
    captions, folders = clipart.captions()
    pictures = lru_cache(maxsize=1)(lambda: clipart.art()[0])

    def load(start: int, stop: int) -> np.ndarray:
        return images.to_tensor(np.stack([augment.view(np.random.default_rng([turn, 99, start + i]), d, image_size, images.backgrounds())
                                          for i, d in enumerate(pictures()[start:stop])]))

    return extract(f"clipart-{turn}", len(captions), load, size, image_size), captions, folders
