"""Public-domain drawings of Debian's openclipart-png; their captions are what is left of the file names."""

from __future__ import annotations

import re
import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from .emoji import squared
from .knowledge import noun_synsets
from .sources import CACHE

PACKAGE = "openclipart-png"
FOLDERS = ["people", "plants", "food", "animals", "transportation", "tools", "buildings", "recreation/sports", "recreation/music",
           "recreation/toys", "electronics", "education", "containers"]
SIDE = 144
PER_FOLDER = 200
MAX_PIXELS = 2_000_000  # a few drawings have 170 million
NOT_CAPTIONS = {"ganson", "dan", "gerhard", "gerhards", "de", "la", "el", "al", "von", "van", "art", "icon", "design", "lumen", "bar", "fran", "fr", "mo", "cm", "franc", "jean", "victor", "park", "stripper", "nude", "sex"}


def root() -> Path:
    target = CACHE / "debian" / PACKAGE
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", PACKAGE], cwd=target.parent, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["dpkg-deb", "-x", str(next(target.parent.glob(f"{PACKAGE}_*.deb"))), str(target)], check=True)
    return target / "usr" / "share" / "openclipart" / "png"


@lru_cache(maxsize=1)
def _nouns() -> frozenset[str]:
    return frozenset(lemma.lower() for lemmas, _, _ in noun_synsets().values() for lemma in lemmas if lemma.islower() and lemma.isalpha())


def caption(path: Path) -> str:
    """The nouns that a file name begins with; what follows is mostly the artist."""
    kept: list[str] = []
    for token in re.split(r"[^a-z]+", path.stem.lower()):
        if len(token) < 3 and token not in ("ox",):
            continue
        if token not in _nouns() or token in NOT_CAPTIONS:
            if kept:
                break
            continue
        kept.append(token)
    return " ".join(kept[:3])


def listing() -> list[tuple[Path, str, str]]:
    """Picture, caption and folder of those with a caption, a fixed share of every folder."""
    chosen = []
    for folder in FOLDERS:
        rows = [(path, caption(path), folder) for path in sorted((root() / folder).rglob("*.png"))]
        rows = [row for row in rows if row[1]]
        step = max(1.0, len(rows) / PER_FOLDER)
        chosen += [rows[int(i * step)] for i in range(min(len(rows), PER_FOLDER))]
    return chosen


def art() -> tuple[np.ndarray, list[str], list[str]]:
    """uint8 [n, side, side, 4], captions, folders."""
    stored = CACHE / "clipart.npz"
    if not stored.exists():
        pictures, captions, folders = [], [], []
        for path, text, folder in listing():
            try:
                picture = Image.open(path)
                if picture.width * picture.height > MAX_PIXELS:
                    continue
                picture = picture.convert("RGBA")
            except (OSError, Image.DecompressionBombError):
                continue
            pictures.append(np.asarray(squared(picture, SIDE)))
            captions.append(text)
            folders.append(folder)
        np.savez_compressed(stored, pictures=np.stack(pictures), captions=captions, folders=folders)
    found = np.load(stored)
    return found["pictures"], found["captions"].tolist(), found["folders"].tolist()


def captions() -> tuple[list[str], list[str]]:
    """Captions and folders, without opening the pictures."""
    stored = CACHE / "clipart.npz"
    if not stored.exists():
        return art()[1:]
    found = np.load(stored)
    return found["captions"].tolist(), found["folders"].tolist()
