"""The mixture of class texts: what an ImageNet classifier says, in the words of a text encoder."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .knowledge import class_texts, imagenet_concepts, people
from .texts import embed, unit


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


PERSON_SHARE = 0.7


def person_vector() -> np.ndarray:
    return unit(embed(["person", "a person", "a man", "a woman"]).mean(axis=0))


@lru_cache(maxsize=1)
def class_vectors() -> np.ndarray:
    """[1000, 384]: per class the mean of its texts' unit vectors, made unit length; with a share of "person" where people are in view."""
    groups = [class_texts(concept) for concept in imagenet_concepts()]
    rows = embed([text for group in groups for text in group])
    ends = np.cumsum([len(group) for group in groups])
    vectors = unit(np.stack([part.mean(axis=0) for part in np.split(rows, ends[:-1])]))
    share = PERSON_SHARE * people()[:, None]
    return unit((1 - share) * vectors + share * person_vector())


def mixture(logits: np.ndarray, vectors: np.ndarray, temperature: float) -> np.ndarray:
    return unit(softmax(logits, temperature) @ vectors - vectors.mean(axis=0))


def agreement(image_a: np.ndarray, image_b: np.ndarray, texts: np.ndarray) -> float:
    """On how many pictures two models give the same word. Two networks disagree about as often as one of them errs: no label is needed."""
    return float(((image_a @ texts.T).argmax(1) == (image_b @ texts.T).argmax(1)).mean())


def scale_for(confidence: float, cosines: np.ndarray) -> float:
    """The logit scale at which the mean of the top probabilities is `confidence`."""
    low, high = 1.0, 200.0
    for _ in range(60):
        middle = (low * high) ** 0.5
        if softmax(cosines * middle).max(axis=1).mean() < confidence:
            low = middle
        else:
            high = middle
    return (low * high) ** 0.5
