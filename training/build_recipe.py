"""Builds diptych-mini with no training at all: an ImageNet classifier and a sentence encoder, joined by words.

python training/build_recipe.py [--out models/diptych-mini]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from diptych_mini import efficientnet, export, features, images, minilm, recipe
from diptych_mini.texts import embed, unit

ROOT = Path(__file__).resolve().parents[1]
SIZE, IMAGE_SIZE, TEMPERATURE = 2, 224, 1.4
CALIBRATION_IMAGES = 2000


def logits(net: efficientnet.Lite, rows: np.ndarray) -> np.ndarray:
    weight, bias = net.classifier
    return np.asarray(rows, np.float32) @ weight.T + bias


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "diptych-mini")
    arguments = parser.parse_args()

    vectors = recipe.class_vectors()
    mean = vectors.mean(axis=0)
    net = efficientnet.load(SIZE)

    # calibration looks at CIFAR-10's training images, never at a label: see recipe.agreement
    other = efficientnet.load(0)
    views = [recipe.mixture(logits(n, features.cifar("train", s, side, 0, CALIBRATION_IMAGES, cut=False)["features"]), vectors, TEMPERATURE)
             for n, s, side in ((net, SIZE, IMAGE_SIZE), (other, 0, 224))]
    texts = unit(embed([f"a photo of a {label}." for label in images.CIFAR_LABELS]) - mean)
    agreed = recipe.agreement(*views, texts)
    scale = recipe.scale_for(agreed, views[0] @ texts.T)
    print(f"two image towers agree on {agreed:.3f} of {CALIBRATION_IMAGES} images: logit scale {scale:.2f}")

    export.configs(arguments.out, IMAGE_SIZE, scale, f"efficientnet-lite{SIZE}")
    export.image_tower(arguments.out / "onnx" / "vision_model.onnx", net, IMAGE_SIZE, vectors - mean, TEMPERATURE, "f16")
    export.text_tower(arguments.out / "onnx" / "text_model.onnx", minilm.load(), mean, "i8")
    total = sum(f.stat().st_size for f in arguments.out.rglob("*") if f.is_file())
    print(f"{arguments.out}: {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
