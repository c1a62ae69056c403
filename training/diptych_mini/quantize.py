"""Ranges of the image tower's activations, for its int8 variant: looked up on unlabelled training pictures."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from . import augment, emoji, images
from .features import session
from .graph import Graph

PHOTOS, DRAWINGS = 80, 40
CLIPPED = 1e-4  # share of the values at either end that may be cut off


def pictures(image_size: int) -> np.ndarray:
    photos = images.enlarged(images.cifar_images("train")[:PHOTOS], image_size)
    art, _ = emoji.art("google")
    chosen = art[:: len(art) // DRAWINGS][:DRAWINGS]
    return np.concatenate([photos, images.to_tensor(np.stack([augment.plain(drawing, image_size) for drawing in chosen]))])


def ranges(graph: Graph, image_size: int) -> dict[str, tuple[float, float]]:
    """Low and high of every marked activation; zero always lies between."""
    for name, value in graph.observed.items():
        graph.output(value, f"seen.{name}", ["batch", None, None, None])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "observed.onnx"
        graph.save(path, "")
        run = session(path)
        wanted = [f"seen.{name}" for name in graph.observed]
        rows, seen = pictures(image_size), {name: [] for name in graph.observed}
        for start in range(0, len(rows), 10):
            for name, value in zip(graph.observed, run.run(wanted, {"pixel_values": rows[start:start + 10]})):
                seen[name].append(np.quantile(value, [CLIPPED, 1 - CLIPPED]))
    return {name: (min(0.0, float(min(low for low, _ in ends))), max(0.0, float(max(high for _, high in ends))))
            for name, ends in seen.items()}
