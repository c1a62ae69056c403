"""Training pools: drawings with their emoji, clip art with captions, photos with the words the model gave them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from . import emoji, everyday, features, heads, images, pseudo, recipe, scenes, words
from .efficientnet import Lite
from .knowledge import class_texts, imagenet_concepts
from .sources import CACHE
from .texts import embed, unit

PHOTO_TEMPLATES = ["{}", "a photo of a {}.", "a picture of a {}.", "a blurry photo of a {}.", "a small photo of the {}.", "a close-up of a {}."]
DRAWING_TEMPLATES = ["{}", "an emoji of {}", "a drawing of {}"]
NEARNESS = 0.3  # ridge penalty between the words' texts
SPARE = 64  # directions of the space that are left to what a picture looks like
PARTS = ("features", "columns", "colours")


@dataclass
class Pool:
    """Rows of cached activations (float16) and what each one shows."""

    parts: dict[str, torch.Tensor]
    targets: np.ndarray  # [n] numbers, or [n, words] chances
    names: tuple[str, ...] = PARTS

    def freeze(self, compute: Callable[[list[torch.Tensor]], torch.Tensor], batch: int = 500) -> None:
        """Keeps only the pooled features and what is computed of every row, once: for training what comes after."""
        values = [compute(self.rows(np.arange(start, min(start + batch, len(self.targets))))).half()
                  for start in range(0, len(self.targets), batch)]
        self.parts = {"features": self.parts["features"], "fixed": torch.cat(values)}
        self.names = ("features", "fixed")

    def rows(self, chosen: np.ndarray) -> list[torch.Tensor]:
        """features [k, 1280], columns [k, c, 6, 6], colours [k, 363] in float32."""
        places = torch.tensor(chosen)
        return [self.parts[name][places].float() for name in self.names]


def pool(parts: list[tuple[dict[str, np.ndarray], np.ndarray]]) -> Pool:
    joined = {name: torch.tensor(np.concatenate([part[name] for part, _ in parts])) for name in PARTS}
    return Pool(joined, np.concatenate([targets for _, targets in parts]))


@dataclass
class Texts:
    """Unit vectors of all wordings of emoji (first) and words; which concept each belongs to; the rows of each concept's plain names."""

    rows: np.ndarray
    owners: np.ndarray
    plain: np.ndarray  # CLDR's name
    official: np.ndarray  # Unicode's name: often other words

    def of(self, number: int) -> np.ndarray:
        return np.flatnonzero(self.owners == number)


@lru_cache(maxsize=1)
def concept_texts() -> Texts:
    found, owners, plain, official = [], [], [], []

    def add(options: list[str], second: str) -> None:
        owner = len(plain)
        plain.append(len(found))
        official.append(len(found) + options.index(second))
        found.extend(options)
        owners.extend([owner] * len(options))

    for entry in emoji.catalogue():
        options = [template.format(entry.name) for template in DRAWING_TEMPLATES] + list(entry.others)
        if entry.keywords:
            options.append(f"{entry.name}: {', '.join(entry.keywords)}")
        if entry.person:
            options.append(f"a person: {entry.name}")
        add(options, entry.official)
    for word in words.WORDS:
        add([template.format(word) for template in PHOTO_TEMPLATES], word)
    return Texts(embed(found), np.array(owners), np.array(plain), np.array(official))


def emoji_vectors(mean: np.ndarray) -> np.ndarray:
    """[emoji, 384], less the mean text: a third each from CLDR's name, Unicode's and the mean of all wordings."""
    texts = concept_texts()
    sums = np.zeros((len(texts.plain), texts.rows.shape[1]), np.float32)
    np.add.at(sums, texts.owners, texts.rows)
    return (unit(texts.rows[texts.plain] + texts.rows[texts.official] + unit(sums)) - mean)[: len(emoji.catalogue())]


def apart(texts: np.ndarray) -> np.ndarray:
    """Unit vectors [n, 384] -> vectors that answer to their own text and little to the other ones: words are alike, and what was
    added for "flower" should not be heard as "banana". Ridge regression of the unit matrix on the texts."""
    return np.linalg.solve(texts @ texts.T + NEARNESS * np.eye(len(texts)), texts) * (1 + NEARNESS)


def word_vectors(mean: np.ndarray) -> np.ndarray:
    """What a detector adds to an image vector: of words.NAMED, as drawings show them, of CIFAR-10's ten, as its photos do, then of
    everyday.taught(): these as they are, so that what is near to a word gains with it (a forest with a tree)."""
    parts = [apart(unit(embed(names) - mean)) for names in (words.NAMED, images.CIFAR_LABELS)]
    return np.concatenate([*parts, unit(embed(everyday.taught()[1]) - mean)]).astype(np.float32)


def spare_directions() -> np.ndarray:
    """[SPARE, 384]: the directions in which names, definitions and wordings of emoji and classes differ least."""
    classes = [text for concept in imagenet_concepts() for text in class_texts(concept)]
    rows = np.concatenate([concept_texts().rows, embed(classes)])
    _, directions = np.linalg.eigh(np.cov(rows.T.astype(np.float64)))
    return np.ascontiguousarray(directions[:, :SPARE].T)


def vectors(mean: np.ndarray) -> heads.Texts:
    known = apart(unit(embed(scenes.KNOWN) - mean))
    return heads.Texts(recipe.class_vectors() - mean, emoji_vectors(mean), word_vectors(mean), known, scenes.shares(), spare_directions())


@lru_cache(maxsize=1)
def emoji_words() -> np.ndarray:
    """bool [emoji, words]: which everyday words a drawing of each emoji shows."""
    table = np.zeros((len(emoji.catalogue()), len(words.WORDS)), bool)
    for number, entry in enumerate(emoji.catalogue()):
        table[number, words.shown(entry.name, entry.keywords)] = True
        table[number, words.WORDS.index(words.PERSON)] |= entry.person
    return table


def drawings(size: int, image_size: int, views: list[tuple[str, int]]) -> Pool:
    return pool([features.emoji_views(style, size, image_size, turn) for style, turn in views])


def clipart(size: int, image_size: int) -> tuple[Pool, np.ndarray, np.ndarray]:
    """Targets are numbers of distinct captions; also their texts' vectors [captions, wordings, 384] and the words each picture shows."""
    part, captions, folders = features.clipart_views(size, image_size, 1)
    distinct = sorted(set(captions))
    place = {caption: i for i, caption in enumerate(distinct)}
    rows = embed([template.format(caption) for caption in distinct for template in DRAWING_TEMPLATES[::2] + ["a picture of a {}"]])
    table = np.zeros((len(captions), len(words.WORDS)), bool)
    for number, (caption, folder) in enumerate(zip(captions, folders)):
        for noun in caption.split():
            table[number, words.shown(noun)] = True
        table[number, words.WORDS.index(words.PERSON)] |= folder == "people"
    return pool([(part, np.array([place[caption] for caption in captions]))]), rows.reshape(len(distinct), 3, -1), table


def photos(net: Lite, size: int, image_size: int, class_vectors: np.ndarray, temperature: float, scale: float, count: int, again: int,
           seed: int) -> tuple[Pool, Pool]:
    """CIFAR-10's training pictures with self-given labels; the true ones are never opened. Whole, and the first `again` as they are
    cropped in use."""
    part = features.cifar(size, image_size, count, False)
    rows = np.asarray(part["features"], np.float32)
    weight, bias = net.classifier
    mean = class_vectors.mean(axis=0)
    vectors = recipe.mixture(rows @ weight.T + bias, class_vectors, temperature)
    texts = unit(np.stack([embed([template.format(word) for word in images.CIFAR_LABELS]) for template in PHOTO_TEMPLATES[:3]]).mean(axis=0) - mean)
    stored = CACHE / "pseudo" / f"lite{size}.{image_size}.{len(rows)}.{seed}.npy"
    if not stored.exists():
        stored.parent.mkdir(parents=True, exist_ok=True)
        np.save(stored, pseudo.self_trained(rows, vectors, texts, scale, seed))
    labels = np.load(stored)
    return pool([(part, labels)]), pool([(features.cifar(size, image_size, again, True), labels[:again])])
