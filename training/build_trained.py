"""Writes the model folder of a finished run of train.py.

python training/build_trained.py --run heads [--out models/diptych-mini]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from diptych_mini import data, efficientnet, export, features, heads, images, minilm, recipe
from diptych_mini.sources import CACHE
from diptych_mini.texts import embed, unit
from train import IMAGE_SIZE, PHOTO_SPANS, SEED, SIZE, TEMPERATURE

ROOT = Path(__file__).resolve().parents[1]
CALIBRATION = (0, 2000)  # CIFAR-10 training images; no label is read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "diptych-mini")
    options = parser.parse_args()

    state = torch.load(CACHE / "runs" / f"{options.run}.pt", weights_only=True)
    net, class_vectors = efficientnet.load(SIZE), recipe.class_vectors()
    mean = class_vectors.mean(axis=0)
    model = heads.MixtureHead(net, class_vectors - mean, data.concept_vectors(mean), TEMPERATURE,
                              state["model"]["mean"].numpy(), state["model"]["deviation"].numpy())
    # the texts come from the code as it is now: a share or a wording may change after the detectors were trained
    model.load_state_dict({**state["model"], "vectors": model.vectors})
    tail = heads.Tail(net, features.CUT_BLOCK[SIZE])
    tail.load_state_dict(state["tail"])

    # the scale: the mean confidence lies halfway between how often the trained tower agrees with an untrained, smaller one
    # (too low: that one errs more) and with the labels it was taught (too high: they are its own)
    start, count = CALIBRATION
    mine = features.cifar("train", SIZE, IMAGE_SIZE, 0, 10000)
    fresh = heads.Tail(net, features.CUT_BLOCK[SIZE])
    frozen = all(torch.equal(a, b) for a, b in zip(tail.parameters(), fresh.parameters()))
    key = "features" if frozen else "cut"
    with torch.no_grad():
        parts = [torch.tensor(np.asarray(mine[key][i:i + 100], np.float32)) for i in range(start, start + count, 100)]
        trained = np.concatenate([model(part if frozen else tail(part))[0].numpy() for part in parts])
    other = efficientnet.load(0)
    weight, bias = other.classifier
    rows = np.asarray(features.cifar("train", 0, 224, start, count, cut=False)["features"], np.float32)
    untrained = recipe.mixture(rows @ weight.T + bias, class_vectors, TEMPERATURE)
    texts = unit(embed([f"a photo of a {word}." for word in images.CIFAR_LABELS]) - mean)
    taught = data.self_given(PHOTO_SPANS, len(mine["features"]), SEED)[start:start + count].argmax(axis=1)
    cosines = trained @ texts.T
    shares = recipe.agreement(trained, untrained, texts), float((cosines.argmax(axis=1) == taught).mean())
    scale = recipe.scale_for(sum(shares) / 2, cosines)
    print(f"agreement {shares[0]:.3f} and {shares[1]:.3f}, logit scale {scale:.2f}, learnt in training {state['log_scale'].exp().item():.2f}")

    tail.write_back(net, features.CUT_BLOCK[SIZE])
    export.configs(options.out, IMAGE_SIZE, scale, f"efficientnet-lite{SIZE}")
    export.image_tower(options.out / "onnx" / "vision_model.onnx", net, IMAGE_SIZE, model.vectors.numpy(), TEMPERATURE, "f16",
                       model.folded_concepts())
    export.text_tower(options.out / "onnx" / "text_model.onnx", minilm.load(), mean, "i8")
    total = sum(f.stat().st_size for f in options.out.rglob("*") if f.is_file())
    print(f"{options.out}: {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
