"""Writes the model folder of a finished run of train.py, with its logit scale calibrated.

python training/build.py --run heads [--out models/diptych-mini] [--wide /tmp/wide]
--wide DIR also writes the model with float32 weights, which is too large to ship: evaluate.py agreement compares with it.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch

from diptych_mini import columns, data, efficientnet, export, features, half, images, minilm, quantize, recipe
from diptych_mini.sources import CACHE
from diptych_mini.texts import embed, unit
from train import CROPPED, IMAGE_SIZE, PHOTOS, SEED, SIZE, TEMPERATURE, Run, photos_of, shapes_of

ROOT = Path(__file__).resolve().parents[1]


def logit_scale(run: Run, photos: data.Pool, tuned: bool) -> float:
    """The mean confidence on unlabelled photos lies halfway between two shares of agreement: with the untrained recipe over
    another network (too low: that one errs more) and with the labels the model gave itself (too high: they are its own)."""
    run.model.eval()
    with torch.no_grad():
        trained = torch.cat([run.project(run.model.mix(run.logits(photos.rows(np.arange(i, i + 100)), tuned)))
                             for i in range(0, len(photos.targets), 100)]).numpy()
        texts = run.project(torch.tensor(unit(embed([f"a photo of a {word}." for word in images.CIFAR_LABELS]) - run.mean))).numpy()
    other = efficientnet.load(0)
    weight, bias = other.classifier
    rows = np.asarray(features.cifar(0, 224, 2000, crop=False, whole=False)["features"], np.float32)[: len(photos.targets)]
    untrained = recipe.mixture(rows @ weight.T + bias, recipe.class_vectors(), TEMPERATURE)
    plain = unit(embed([f"a photo of a {word}." for word in images.CIFAR_LABELS]) - run.mean)
    cosines = trained @ texts.T
    shares = (float((cosines.argmax(axis=1) == (untrained @ plain.T).argmax(axis=1)).mean()),
              float((cosines.argmax(axis=1) == photos.targets.argmax(axis=1)).mean()))
    scale = recipe.scale_for(sum(shares) / 2, cosines)
    print(f"agreement {shares[0]:.3f} and {shares[1]:.3f}, logit scale {scale:.2f}, learnt in training {run.log_scale.exp().item():.2f}")
    return scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "diptych-mini")
    parser.add_argument("--wide", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)

    net = efficientnet.load(SIZE)
    _, photos = photos_of(net, PHOTOS, CROPPED, SEED)
    run = Run(net, shapes_of(photos))
    tuned = run.load(CACHE / "runs" / f"{options.run}.pt")["tuned"]
    scale = logit_scale(run, photos, tuned)
    if tuned:
        run.tail.write_back(net)
    projection = run.projection.detach().numpy()
    straight = np.array_equal(projection, np.eye(len(projection), dtype=np.float32))
    model = run.model
    vectors, added, known = (part.numpy() @ projection.T for part in (model.vectors, model.word_vectors, model.known_vectors))
    trained = export.Trained(vectors, added, known, model.shares.numpy(), model.spare.numpy(), TEMPERATURE, model.folded(), columns.TAPS[SIZE])
    text = minilm.load()
    centre = (run.mean, None if straight else projection)

    export.configs(options.out, IMAGE_SIZE, scale, f"efficientnet-lite{SIZE}")
    shutil.rmtree(options.out / "onnx", ignore_errors=True)
    ranges = quantize.ranges(export.image_graph(net, IMAGE_SIZE, trained, "f32"), IMAGE_SIZE)
    wide = export.image_graph(net, IMAGE_SIZE, trained, "i8"), export.text_graph(text, *centre, "i8")
    narrow = export.image_graph(net, IMAGE_SIZE, trained, "i8", ranges), export.text_graph(text, *centre, "i8", whole_numbers=True)
    export.shipped(options.out, {tower: {"": graph, "_fp16": half.halved(graph), "_quantized": small}
                                 for tower, graph, small in zip(("vision", "text"), wide, narrow)})
    if options.wide:
        shutil.copytree(options.out, options.wide, dirs_exist_ok=True, ignore=shutil.ignore_patterns("onnx"))
        export.image_graph(net, IMAGE_SIZE, trained, "f32").save(options.wide / "onnx" / "vision_model.onnx", export.NOTES["vision"])
        export.text_graph(text, *centre, "f32").save(options.wide / "onnx" / "text_model.onnx", export.NOTES["text"])
    total = sum(file.stat().st_size for file in options.out.rglob("*") if file.is_file())
    print(f"{options.out}: {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
