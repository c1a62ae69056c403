"""Everyday words with a detector of their own, and which drawings show them.

The list was written down before anything was measured: basic-level nouns that a person would tag a photo with.
ImageNet has classes below most of them, but none for a flower, a tree, a person, a cow or a deer.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from .images import CIFAR_LABELS
from .knowledge import ancestors, imagenet_concepts, noun_synsets
from .sources import npm_package

PERSON = "person"
OTHERS = (
    "person man woman child cow sheep pig goat rabbit mouse bear lion tiger elephant monkey duck chicken penguin fish turtle snake "
    "insect butterfly bee spider flower tree leaf mushroom fruit apple banana orange lemon strawberry grapes vegetable carrot tomato "
    "bread cake pizza coffee cup bottle book chair table bed lamp clock phone computer camera guitar piano drum ball shoe hat shirt "
    "bag umbrella glasses hammer scissors knife key coin car bus train bicycle motorcycle boat rocket house building bridge mountain "
    "moon cloud rainbow fire beach toy flag"
).split()
WORDS = [*CIFAR_LABELS, *OTHERS]
PEOPLE = {"person", "man", "woman", "child"}  # WordNet calls a taco and a tiger persons: only names that say so count
UNSEEN = {*PEOPLE, "flag", "toy"}  # words that no detector of pooled features is made for: emoji and clothes stand for them
NAMED = [word for word in WORDS if word not in UNSEEN]
BY_KEYWORD = {"flower", "tree", "fruit", "coffee", "boat"}  # keywords of one-word names that are kinds, not companions
FARTHER = 0.5  # weight of an everyday word above the nearest one
MISLEADING = {"hot dog", "teddy bear", "orange book", "eye in speech bubble", "fish cake with swirl"}


@lru_cache(maxsize=1)
def _senses() -> dict[str, list[str]]:
    """Lemma -> offsets of its noun senses, the most frequent first."""
    found = {}
    for line in (npm_package("wordnet") / "dict" / "index.noun").read_text("utf-8").splitlines():
        if not line.startswith(" "):
            parts = line.split()
            found[parts[0].replace("_", " ")] = parts[6 + int(parts[3]):]
    return found


@lru_cache(maxsize=1)
def _first_senses() -> dict[str, str]:
    return {lemma: offsets[0] for lemma, offsets in _senses().items()}


@lru_cache(maxsize=None)
def kinds(noun: str) -> frozenset[str]:
    """The noun and all that WordNet says it is a kind of."""
    synsets, queue, found = noun_synsets(), [_first_senses().get(noun)], {noun}
    while queue:
        offset = queue.pop()
        if offset in synsets:
            lemmas, _, parents = synsets[offset]
            found.update(lemma.lower() for lemma in lemmas)
            queue += parents
    return frozenset(found)


def shown(name: str, keywords: tuple[str, ...] = ()) -> list[int]:
    """Numbers of the words that a drawing of `name` shows."""
    tokens = re.findall(r"[a-z]+", name.lower())
    if not tokens or name.lower() in MISLEADING:
        return []
    candidates = {word for word in keywords if word in tokens or (len(tokens) == 1 and word in BY_KEYWORD)}
    candidates |= (kinds(name.lower()) if name.lower() in _first_senses() else kinds(tokens[-1])) - PEOPLE
    candidates |= PEOPLE & {*tokens}
    singular = {token[:-1] for token in tokens if token.endswith("s")}
    return [number for number, word in enumerate(WORDS) if word in candidates or (word in singular and len(tokens) == 1)]


def _everyday_sense(word: str) -> str:
    """The sense of a word that covers most of ImageNet's classes, else its first; a cow, "female of domestic cattle", stands for cattle."""
    synsets = noun_synsets()
    senses = _senses().get(word) or _senses()[word.removesuffix("s")]
    meant = [synsets[offset][2][0] if re.match(r"(adult )?(fe)?male ", synsets[offset][1]) else offset for offset in senses]
    above = [ancestors(concept.synsets[0]) for concept in imagenet_concepts()]
    return max(meant, key=lambda offset: sum(offset in found for found in above))


@lru_cache(maxsize=1)
def of_classes() -> np.ndarray:
    """float32 [1000, NAMED]: 1 for the nearest everyday word above a class of ImageNet, FARTHER for those above that."""
    senses = [_everyday_sense(word) for word in NAMED]
    table = np.zeros((len(imagenet_concepts()), len(NAMED)), np.float32)
    for row, concept in zip(table, imagenet_concepts()):
        above = ancestors(concept.synsets[0])
        steps = np.array([above.get(sense, np.inf) for sense in senses])
        row[np.isfinite(steps)] = FARTHER
        row[np.isfinite(steps) & (steps == steps.min())] = 1
    return table
