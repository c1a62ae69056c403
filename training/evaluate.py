"""What `diptych eval` does not measure of a model folder: photos, batches, variants, speed. Pillow's bicubic, ONNX Runtime.

python training/evaluate.py photos|everyday|stamps|animals|batch|agreement|speed [--model models/diptych-mini] [--dtype quantized] [--wide /tmp/wide]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from diptych_mini import emoji, everyday as ordinary, gcompris, images, metrics, stamps as cutouts
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
    def __init__(self, folder: Path, dtype: str | None = None) -> None:
        card = json.loads((folder / "diptych_card.json").read_text())
        self.size, self.scale = card["imageSize"], card["logitScale"]
        suffix = f"_{dtype}" if dtype else ""
        self.image, self.text = (session(folder / "onnx" / f"{tower}_model{suffix}.onnx") for tower in ("vision", "text"))
        self.tokens = tokenizer(folder / "tokenizer.json")

    def texts(self, texts: list[str]) -> np.ndarray:
        return unit(run_texts(self.text, self.tokens, texts))

    def images(self, tensor: np.ndarray) -> np.ndarray:
        return unit(np.concatenate([self.image.run(None, {"pixel_values": tensor[i:i + 20]})[0] for i in range(0, len(tensor), 20)]))

    def labels(self, labels: list[str], templates: list[str]) -> np.ndarray:
        rows = self.texts([template.format(label) for label in labels for template in templates])
        return unit(rows.reshape(len(labels), len(templates), -1).mean(axis=1))


def photos(model: Model, _options: argparse.Namespace) -> dict:
    rows = model.images(images.load_files([scikit_image_photo(name) for name in PHOTOS], model.size))
    found = {}
    for name in ("name", "photo"):
        chances = metrics.softmax(rows @ model.labels(WORDS, TEMPLATES[name]).T * model.scale)
        for photo, row in zip(PHOTOS, chances):
            found[f"{photo} ({name})"] = {WORDS[i]: round(float(row[i]), 3) for i in (-row).argsort()[:3]}
    return found


def among_words(model: Model, tensor: np.ndarray, truth: list[str], words: list[str]) -> dict:
    rows, numbers = model.images(tensor), np.array([words.index(word) for word in truth])
    found: dict = {"pictures": len(truth)}
    for name, templates in TEMPLATES.items():
        scores = rows @ model.labels(words, templates).T * model.scale
        figures = metrics.zero_shot(scores, numbers)
        wrong = [f"{truth[i]} as {words[best]}" for i, best in enumerate(scores.argmax(axis=1)) if words[best] != truth[i]]
        found[name] = {key: figures[key] for key in ("top1", "top5", "mean_recall", "ece")} | {"wrong": wrong}
    return found


def everyday(model: Model, _options: argparse.Namespace) -> dict:
    """Ordinary photos among two lists of thirty everyday words, all fixed in advance; with 95 % intervals (Wilson)."""
    entries, tensor = ordinary.load(model.size)
    rows, found = model.images(tensor), {}
    for letter, words in ordinary.LISTS.items():
        for name in ("name", "simple"):
            best = (rows @ model.labels(words, TEMPLATES[name]).T).argmax(axis=1)
            for half in ("dev", "test"):
                found[f"{letter}, {half} ({name})"] = metrics.share([words[best[i]] == entry["word"] for i, entry in enumerate(entries)
                                                                    if entry["half"] == half and entry["word"] in words])
    return found


def stamps(model: Model, _options: argparse.Namespace) -> dict:
    """Photographic cut-outs on white among thirty everyday words, both fixed in advance."""
    return among_words(model, *cutouts.load(model.size), [*cutouts.STAMPS])


def animals(model: Model, _options: argparse.Namespace) -> dict:
    """Photos of animals among thirty words, both fixed in advance and measured once, when all else was done."""
    return among_words(model, *gcompris.load(model.size), gcompris.WORDS)


def batch(model: Model, _options: argparse.Namespace) -> dict:
    """The largest change of an embedding with the company it is computed in."""
    tensor = images.enlarged(images.cifar_images("train")[:8], model.size)
    alone = np.concatenate([model.images(tensor[i:i + 1]) for i in range(8)])
    texts = ["cat", "a photo of a very large red fire truck in front of a house, seen from the street on a rainy day", "dog", "7"]
    single = np.concatenate([model.texts([text]) for text in texts])
    return {"image": float(np.abs(model.images(tensor) - alone).max()), "text": float(np.abs(model.texts(texts) - single).max())}


def agreement(model: Model, options: argparse.Namespace) -> dict:
    """Every variant against the float32 of build.py --wide: cosines, and the zero-shot answers on CIFAR-10's first test pictures."""
    reference = Model(options.wide)
    pictures, truth = images.cifar_images("test")[:options.limit], images.cifar_test_labels()[:options.limit]
    art, places = emoji.art(emoji.HELD_OUT)
    drawn = images.enlarged(emoji.on_white(art[::10]), model.size)
    names = [entry.name for entry in emoji.catalogue()]
    variants = {"float32": reference, "shipped": Model(options.model), "shipped, float16": Model(options.model, "fp16"),
                "shipped, int8": Model(options.model, "quantized")}
    found, exact = {}, {}
    for name, variant in variants.items():
        rows = np.concatenate([variant.images(images.enlarged(pictures[i:i + 100], model.size)) for i in range(0, len(pictures), 100)])
        views = {"photos": rows, "drawings": variant.images(drawn), "texts": variant.texts(names)}
        scores = views["drawings"] @ views["texts"].T
        own = scores[np.arange(len(scores)), places[::10]]
        top1 = ((rows @ variant.labels(images.CIFAR_LABELS, TEMPLATES["photo"]).T).argmax(axis=1) == truth).mean()
        exact = exact or views
        found[name] = {"cifar_top1": round(float(top1), 4), "emoji_r1": round(float(((scores > own[:, None]).sum(axis=1) < 1).mean()), 4),
                       **{f"{key}_{how}_cosine": round(float(pick((view * exact[key]).sum(axis=1))), 4)
                          for key, view in views.items() for how, pick in (("mean", np.mean), ("least", np.min))}}
    return found


def speed(model: Model, _options: argparse.Namespace) -> dict:
    def rate(work, count: int, seconds: float = 3.0) -> float:
        work()
        began, done = time.process_time(), 0
        while time.process_time() - began < seconds:
            work()
            done += count
        return round(done / (time.process_time() - began), 1)

    tensor = images.enlarged(images.cifar_images("train")[:8], model.size)
    captions = [f"a photo of a {word}." for word in WORDS + WORDS[:12]]
    return {"threads": int(os.environ.get("TRAIN_THREADS", "2")), "images_per_cpu_second": rate(lambda: model.images(tensor), 8),
            "captions_per_cpu_second": rate(lambda: model.texts(captions), 32)}


SUITES = {"photos": photos, "everyday": everyday, "stamps": stamps, "animals": animals, "batch": batch, "agreement": agreement, "speed": speed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=[*SUITES])
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "diptych-mini")
    parser.add_argument("--dtype", help="a variant's suffix, such as quantized")
    parser.add_argument("--wide", type=Path, help="folder of the model with float32 weights")
    parser.add_argument("--limit", type=int, default=1000, help="CIFAR-10 test pictures that agreement looks at")
    options = parser.parse_args()
    began = time.perf_counter()
    found = SUITES[options.suite](Model(options.model, options.dtype), options)
    print(json.dumps({"suite": options.suite, "metrics": found, "seconds": round(time.perf_counter() - began, 1)}, indent=1))


if __name__ == "__main__":
    main()
