"""Training pools: drawings with their emoji, photos with the words the model gave them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from . import emoji, features, images, pseudo, recipe
from .efficientnet import Lite
from .sources import CACHE
from .texts import embed, unit

PHOTO_TEMPLATES = ["{}", "a photo of a {}.", "a picture of a {}.", "a blurry photo of a {}.", "a small photo of the {}.", "a close-up of a {}."]
DRAWING_TEMPLATES = ["{}", "an emoji of {}", "a drawing of {}"]


@dataclass
class Pool:
    """Rows of cached activations and what each one shows, as a number of the concept list."""

    cut: list[np.ndarray]
    features: np.ndarray
    targets: np.ndarray  # [n] concept numbers, or [n, concepts] chances
    starts: np.ndarray

    def rows(self, chosen: np.ndarray) -> np.ndarray:
        """float32 activations at the cut of the chosen rows."""
        part = np.searchsorted(self.starts, chosen, side="right") - 1
        return np.stack([np.asarray(self.cut[p][i - self.starts[p]], np.float32) for p, i in zip(part, chosen)])


def _pool(parts: list[tuple[dict[str, np.ndarray], np.ndarray]]) -> Pool:
    starts = np.cumsum([0, *(len(targets) for _, targets in parts)])[:-1]
    return Pool([part["cut"] for part, _ in parts], np.concatenate([np.asarray(part["features"], np.float32) for part, _ in parts]),
                np.concatenate([targets for _, targets in parts]), starts)


def concept_names() -> list[str]:
    """Emoji first, then the everyday words that photos are taught with."""
    return [entry.name for entry in emoji.catalogue()] + images.CIFAR_LABELS + ["person"]


@lru_cache(maxsize=1)
def concept_texts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All texts' unit vectors, which concept each belongs to, and whether it is the concept's plain name."""
    texts, owners, plain = [], [], []
    for number, entry in enumerate(emoji.catalogue()):
        options = [template.format(entry.name) for template in DRAWING_TEMPLATES] + list(entry.others)
        if entry.keywords:
            options.append(f"{entry.name}: {', '.join(entry.keywords)}")
        if entry.person:
            options.append(f"a person: {entry.name}")
        texts += options
        owners += [number] * len(options)
        plain += [True] + [False] * (len(options) - 1)
    for number, word in enumerate([*images.CIFAR_LABELS, "person"], start=len(emoji.catalogue())):
        texts += [template.format(word) for template in PHOTO_TEMPLATES]
        owners += [number] * len(PHOTO_TEMPLATES)
        plain += [True] + [False] * (len(PHOTO_TEMPLATES) - 1)
    return embed(texts), np.array(owners), np.array(plain)


def concept_vectors(mean: np.ndarray) -> np.ndarray:
    """[concepts, 384], less the mean text: half the plain name, half the mean of all its texts."""
    rows, owners, plain = concept_texts()
    sums = np.zeros((owners.max() + 1, rows.shape[1]), np.float32)
    np.add.at(sums, owners, rows)
    return unit(rows[plain] + unit(sums)) - mean


def drawings(size: int, image_size: int, views: list[tuple[str, int]]) -> Pool:
    return _pool([features.emoji_views(style, size, image_size, turn) for style, turn in views])


def clipart(size: int, image_size: int) -> tuple[Pool, np.ndarray, np.ndarray]:
    """Drawings with captions: targets are numbers of distinct captions; also their texts' vectors [captions, wordings, 384] and who shows people."""
    part, captions, folders = features.clipart_views(size, image_size, 1)
    distinct = sorted(set(captions))
    place = {caption: i for i, caption in enumerate(distinct)}
    rows = embed([template.format(caption) for caption in distinct for template in DRAWING_TEMPLATES[::2] + ["a picture of a {}"]])
    return (_pool([(part, np.array([place[caption] for caption in captions]))]), rows.reshape(len(distinct), 3, -1),
            np.array([folder == "people" for folder in folders]))


def _self_given_path(spans: list[tuple[int, int]], count: int, seed: int) -> Path:
    return CACHE / "pseudo" / f"{'-'.join(str(start) for start, _ in spans)}.{count}.{seed}.npy"


def self_given(spans: list[tuple[int, int]], count: int, seed: int) -> np.ndarray:
    """The chances that `photos` stored."""
    return np.load(_self_given_path(spans, count, seed))


def photos(net: Lite, size: int, image_size: int, class_vectors: np.ndarray, temperature: float, scale: float,
           spans: list[tuple[int, int]], seed: int) -> Pool:
    """CIFAR-10's training pictures with self-given labels; the true ones are never opened."""
    parts = [features.cifar("train", size, image_size, start, count) for start, count in spans]
    rows = np.concatenate([np.asarray(part["features"], np.float32) for part in parts])
    weight, bias = net.classifier
    mean = class_vectors.mean(axis=0)
    vectors = recipe.mixture(rows @ weight.T + bias, class_vectors, temperature)
    texts = unit(np.stack([embed([template.format(word) for word in images.CIFAR_LABELS]) for template in PHOTO_TEMPLATES[:3]]).mean(axis=0) - mean)
    stored = _self_given_path(spans, len(rows), seed)
    if not stored.exists():
        stored.parent.mkdir(parents=True, exist_ok=True)
        np.save(stored, pseudo.self_trained(rows, vectors, texts, scale, seed))
    chances = np.load(stored)
    ends = np.cumsum([len(part["features"]) for part in parts])[:-1]
    return _pool(list(zip(parts, np.split(chances, ends))))
