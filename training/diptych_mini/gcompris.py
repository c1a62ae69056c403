"""Photos of animals from Debian's gcompris-qt-data (each under a free licence of its own): looked at only once, to measure.

They lie in Qt's resource files: a tree of 14, 18 or 22-byte nodes, names in UTF-16, and blobs behind their lengths.
"""

from __future__ import annotations

import struct
import subprocess
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from .images import resize_and_crop, to_tensor
from .sources import CACHE

PACKAGE = "gcompris-qt-data"
# file -> word; fixed, with the words that fill up the thirty, before the first look
FARM = {name: name for name in "cat chicken cow dog duck horse owl pig sheep".split()}
WORLD = {name: name for name in "bison chameleon crocodile dragon giraffe hedgehog jaguar kangaroo koala lemur moose narwhal panda".split()}
WORLD |= {"polar_bear": "polar bear", "scarlet_macaw": "parrot"}
WORDS = [*FARM.values(), *WORLD.values(), *"frog rabbit elephant fish snake monkey".split()]
FOLDER, COMPRESSED = 2, 1  # flags of a node


def files(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of a Qt resource file."""
    magic, version, tree, data, names = struct.unpack_from(">4sIIII", content)
    if magic != b"qres":
        raise ValueError("not a Qt resource file")
    size = 22 if version >= 2 else 14

    def walk(number: int, path: str) -> Iterator[tuple[str, bytes]]:
        name, flags = struct.unpack_from(">IH", content, tree + number * size)
        (length,) = struct.unpack_from(">H", content, names + name)
        own = content[names + name + 6: names + name + 6 + 2 * length].decode("utf-16-be")
        here = f"{path}/{own}" if number else ""
        if flags & FOLDER:
            count, first = struct.unpack_from(">II", content, tree + number * size + 6)
            for child in range(first, first + count):
                yield from walk(child, here)
        else:
            (place,) = struct.unpack_from(">I", content, tree + number * size + 10)
            (length,) = struct.unpack_from(">I", content, data + place)
            blob = content[data + place + 4: data + place + 4 + length]
            yield here, zlib.decompress(blob[4:]) if flags & COMPRESSED else blob

    yield from walk(0, "")


def folder() -> Path:
    target = CACHE / "debian" / PACKAGE
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        if not any(target.parent.glob(f"{PACKAGE}_*.deb")):
            subprocess.run(["apt-get", "download", PACKAGE], cwd=target.parent, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["dpkg-deb", "-x", str(next(target.parent.glob(f"{PACKAGE}_*.deb"))), str(target)], check=True)
    return target


def load(size: int) -> tuple[np.ndarray, list[str]]:
    """Pixel tensors, and the word of each."""
    found = {}
    for activity, chosen in (("explore_farm_animals", FARM), ("explore_world_animals", WORLD)):
        archive = next(folder().rglob(f"{activity}.rcc"))
        for path, content in files(archive.read_bytes()):
            name = Path(path)
            if name.suffix == ".webp" and name.parent.name == "animals" and name.stem in chosen:
                found[chosen[name.stem]] = resize_and_crop(Image.open(BytesIO(content)).convert("RGB"), size)
    return to_tensor(np.stack([*found.values()])), [*found]
