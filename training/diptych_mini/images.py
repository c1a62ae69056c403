"""Pictures in: Pillow's bicubic resize and crop exactly as preprocessor_config.json says, and CIFAR-10's sheets."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from .efficientnet import PIXEL_MEAN, PIXEL_STD
from .sources import npm_package

EDGES = {176: 192}  # image side -> length of the shortest edge before the crop; ImageNet's networks learnt things at that size

CIFAR_LABELS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def resize_and_crop(image: Image.Image, size: int, edge: int | None = None) -> np.ndarray:
    """uint8 [size, size, 3]: shortest edge to `edge` (EDGES[size]), centre crop (the long side truncated, as CLIPImageProcessor does)."""
    image = image.convert("RGB")
    width, height = image.size
    short, long, edge = min(width, height), max(width, height), edge or shortest_edge(size)
    scaled = (edge, int(edge * long / short)) if width <= height else (int(edge * long / short), edge)
    if (width, height) != scaled:
        image = image.resize(scaled, Image.Resampling.BICUBIC)
    left, top = (scaled[0] - size) // 2, (scaled[1] - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size)))


def shortest_edge(size: int) -> int:
    return EDGES.get(size, size)


def to_tensor(pixels: np.ndarray) -> np.ndarray:
    """uint8 [n, s, s, 3] -> float32 [n, 3, s, s]."""
    return ((pixels.astype(np.float32) / 255 - np.float32(PIXEL_MEAN)) / np.float32(PIXEL_STD)).transpose(0, 3, 1, 2).copy()


def load_files(paths: list[Path], size: int) -> np.ndarray:
    return to_tensor(np.stack([resize_and_crop(Image.open(path), size) for path in paths]))


def cifar_images(split: str) -> np.ndarray:
    """uint8 [n, 32, 32, 3]: 10,000 test or 50,000 training images (a row of a sheet is one image)."""
    folder = npm_package("cifar10")
    sheets = ["test_batch.png"] if split == "test" else [f"data_batch_{i}.png" for i in range(1, 6)]
    return np.concatenate([np.asarray(Image.open(folder / sheet).convert("RGB")).reshape(-1, 32, 32, 3) for sheet in sheets])


@lru_cache(maxsize=1)
def backgrounds() -> np.ndarray:
    """A few photos to lay drawings on."""
    return np.asarray(Image.open(npm_package("cifar10") / "data_batch_1.png").convert("RGB").crop((0, 0, 1024, 2000))).reshape(-1, 32, 32, 3)


def cifar_test_labels() -> np.ndarray:
    """Only ever for the final figure."""
    return np.asarray(json.loads((npm_package("cifar10") / "test_lables.json").read_text()))


def enlarged(images: np.ndarray, size: int, crop: bool = True) -> np.ndarray:
    edge = None if crop else size
    return to_tensor(np.stack([resize_and_crop(Image.fromarray(image), size, edge) for image in images]))
