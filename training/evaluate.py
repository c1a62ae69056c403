"""Measures a model folder as a user would meet it: its own ONNX towers, its own tokenizer, Pillow's bicubic.

python training/evaluate.py cifar10|emoji|photos|stamps|batch|speed|all [--model models/diptych-mini] [--limit N] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from diptych_mini import emoji as drawings
from diptych_mini import images, metrics, stamps as cutouts
from diptych_mini.features import session
from diptych_mini.sources import scikit_image_photo
from diptych_mini.texts import run_texts, tokenizer, unit

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = {"name": ["{}"], "photo": ["a photo of a {}."],
             "simple": ["{}", "a photo of a {}.", "a picture of a {}.", "a photo of the {}.", "a small photo of a {}.", "a blurry photo of a {}."]}
WORDS = ("cat dog coffee rocket astronaut car bicycle flower tree house bird horse boat airplane book chair pizza guitar clock "
         "phone").split()
PHOTOS = {"chelsea.png": "cat", "coffee.png": "coffee", "rocket.jpg": "rocket", "astronaut.png": "astronaut"}


class Model:
    def __init__(self, folder: Path) -> None:
        card = json.loads((folder / "diptych_card.json").read_text())
        self.size, self.scale = card["imageSize"], card["logitScale"]
        began = time.perf_counter()
        self.image, self.text = (session(folder / "onnx" / f"{tower}_model.onnx") for tower in ("vision", "text"))
        self.load_seconds = time.perf_counter() - began
        self.tokens = tokenizer(folder / "tokenizer.json")

    def texts(self, texts: list[str]) -> np.ndarray:
        return unit(run_texts(self.text, self.tokens, texts))

    def images(self, tensor: np.ndarray) -> np.ndarray:
        return unit(self.image.run(None, {"pixel_values": tensor})[0])

    def labels(self, labels: list[str], templates: list[str]) -> np.ndarray:
        rows = self.texts([template.format(label) for label in labels for template in templates])
        return unit(rows.reshape(len(labels), len(templates), -1).mean(axis=1))


def cifar10(model: Model, limit: int | None) -> dict:
    pictures, truth = images.cifar_images("test")[:limit], images.cifar_test_labels()[:limit]
    rows = np.concatenate([model.images(images.enlarged(pictures[i:i + 50], model.size)) for i in range(0, len(pictures), 50)])
    return {name: metrics.zero_shot(rows @ model.labels(images.CIFAR_LABELS, templates).T * model.scale, truth)
            for name, templates in TEMPLATES.items()}


def photos(model: Model, _limit: int | None) -> dict:
    rows = model.images(images.load_files([scikit_image_photo(name) for name in PHOTOS], model.size))
    found = {}
    for name in ("name", "photo"):
        chances = metrics.softmax(rows @ model.labels(WORDS, TEMPLATES[name]).T * model.scale)
        for photo, row in zip(PHOTOS, chances):
            found[f"{photo} ({name})"] = {WORDS[i]: round(float(row[i]), 3) for i in (-row).argsort()[:3]}
    return found


def stamps(model: Model, _limit: int | None) -> dict:
    """Photographic cut-outs on white among thirty everyday words, both fixed in advance."""
    tensor, truth = cutouts.load(model.size)
    rows = np.concatenate([model.images(tensor[i:i + 14]) for i in range(0, len(tensor), 14)])
    words = list(cutouts.STAMPS)
    numbers = np.array([words.index(word) for word in truth])
    found: dict = {"pictures": len(truth)}
    for name, templates in TEMPLATES.items():
        scores = rows @ model.labels(words, templates).T * model.scale
        figures = metrics.zero_shot(scores, numbers)
        wrong = [f"{truth[i]} as {words[best]}" for i, best in enumerate(scores.argmax(axis=1)) if words[best] != truth[i]]
        found[name] = {key: figures[key] for key in ("top1", "top5", "mean_recall", "ece")} | {"wrong": wrong}
    return found


def emoji(model: Model, limit: int | None) -> dict:
    """Twemoji, never trained on: picture -> its name among 1,911, and name -> picture."""
    pictures, places = drawings.art(drawings.HELD_OUT)
    names = model.texts([entry.name for entry in drawings.catalogue()])
    found = {}
    for name, flat in (("on white", drawings.on_white(pictures)), ("alpha dropped", pictures[..., :3])):
        flat = np.ascontiguousarray(flat[:limit])
        rows = np.concatenate([model.images(images.enlarged(flat[i:i + 50], model.size)) for i in range(0, len(flat), 50)])
        found[name] = metrics.retrieval(rows @ names.T, places[:limit])
    return found


def batch(model: Model, _limit: int | None) -> dict:
    """The largest change of an embedding with the company it is computed in."""
    tensor = images.enlarged(images.cifar_images("train")[:8], model.size)
    alone = np.concatenate([model.images(tensor[i:i + 1]) for i in range(8)])
    texts = ["cat", "a photo of a very large red fire truck in front of a house, seen from the street on a rainy day", "dog", "7"]
    single = np.concatenate([model.texts([text]) for text in texts])
    return {"image": float(np.abs(model.images(tensor) - alone).max()), "text": float(np.abs(model.texts(texts) - single).max())}


def speed(model: Model, _limit: int | None) -> dict:
    def rate(work, count: int, seconds: float = 3.0) -> float:
        work()
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            work()
            done += count
        return round(done / (time.perf_counter() - began), 1)

    tensor = images.enlarged(images.cifar_images("train")[:8], model.size)
    captions = [f"a photo of a {word}." for word in WORDS + WORDS[:12]]
    return {"load_seconds": round(model.load_seconds, 3), "threads": int(os.environ.get("TRAIN_THREADS", "2")),
            "images_per_second": rate(lambda: model.images(tensor), 8), "captions_per_second": rate(lambda: model.texts(captions), 32)}


SUITES = {"photos": photos, "stamps": stamps, "batch": batch, "speed": speed, "emoji": emoji, "cifar10": cifar10}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=[*SUITES, "all"])
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "diptych-mini")
    parser.add_argument("--limit", type=int, default=None, help="only the first N images")
    arguments = parser.parse_args()
    model = Model(arguments.model)
    for name in SUITES if arguments.suite == "all" else [arguments.suite]:
        began = time.perf_counter()
        found = SUITES[name](model, arguments.limit)
        print(json.dumps({"suite": name, "metrics": found, "seconds": round(time.perf_counter() - began, 1)}, indent=1))


if __name__ == "__main__":
    main()
