"""What the detectors learnt from ordinary photos are worth on packages that they have seen nothing of: the photos of everyday.csv, every
package's with detectors fitted without the photos of that package and of its maker's others. Float32 weights.

python training/folds.py --run heads
"""

from __future__ import annotations

import argparse
import json
import re

import numpy as np
import torch

from diptych_mini import data, efficientnet, everyday, features, heads, metrics, ridge
from diptych_mini.sources import CACHE
from diptych_mini.texts import embed, unit
from evaluate import TEMPLATES
from train import CROPPED, IMAGE_SIZE, PHOTOS, SEED, SIZE, Run, photos_of, shapes_of

# packages whose names begin with these share photos
MAKERS = [("startbootstrap",), ("soft-ui", "material", "now-ui", "paper-kit", "argon", "blk"), ("plasma",), ("ukui",), ("lomiri",), ("scikit",),
          ("qt",), ("libjs-", "lightbox", "lightgallery", "node-lightgallery")]


def maker(package: str) -> str:
    name = re.sub("[=@].*", "", package).replace("_", "-")
    return next((names[0] for names in MAKERS if name.startswith(names)), name)


def seen(run: Run, pixels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Pooled features and the head's logits."""
    body, found = features.body_session(SIZE, IMAGE_SIZE), []
    for start in range(0, len(pixels), 20):
        rows = [torch.tensor(part) for part in body.run([*data.PARTS], {"pixel_values": pixels[start:start + 20]})]
        found.append((rows[0], run.model.logits(*rows)))
    pooled, logits = zip(*found)
    return torch.cat(pooled), torch.cat(logits)


def without_own(entries: list[dict[str, str]], pooled: torch.Tensor) -> torch.Tensor:
    """[n, words]: what the detectors fitted to others' photos say."""
    photos, words, shown = everyday.taught()
    rows, table = (torch.tensor(np.asarray(part, np.float32)) for part in (features.ordinary(SIZE, IMAGE_SIZE), shown))
    teachers, pupils = (np.array([maker(entry["package"]) for entry in part]) for part in (photos, entries))
    found = torch.zeros(len(entries), len(words))
    for name in np.unique(pupils):
        weights, biases = ridge.taught(rows[teachers != name], table[teachers != name])
        found[pupils == name] = pooled[pupils == name] @ weights + biases
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True)
    options = parser.parse_args()
    net = efficientnet.load(SIZE)
    run = Run(net, shapes_of(photos_of(net, PHOTOS, CROPPED, SEED)[1]))
    run.load(CACHE / "runs" / f"{options.run}.pt")
    run.model.eval()
    entries, pixels = everyday.load(IMAGE_SIZE)
    found = {}
    with torch.no_grad():
        pooled, logits = seen(run, pixels)
        stop = heads.CLASSES + len(run.model.emoji.weight) + len(run.model.word_vectors)
        logits[:, stop - len(everyday.taught()[1]): stop] = without_own(entries, pooled)
        rows = run.project(run.model.mix(logits)).numpy()
        for letter, words in everyday.LISTS.items():
            for name in ("name", "simple"):
                texts = unit(embed([template.format(word) for word in words for template in TEMPLATES[name]]) - run.mean)
                texts = unit(texts.reshape(len(words), len(TEMPLATES[name]), -1).mean(axis=1))
                best = (rows @ texts.T).argmax(axis=1)
                for half in ("dev", "test"):
                    found[f"{letter}, {half} ({name})"] = metrics.share([words[best[i]] == entry["word"] for i, entry in enumerate(entries)
                                                                        if entry["half"] == half and entry["word"] in words])
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
