"""Trains what lies after the cut: concept detectors, and with --tail the last blocks of the image tower.

python training/train.py --name heads --steps 400
python training/train.py --name tail --tail --start heads --steps 400 --rate 1e-4
Goes on from cache/runs/NAME.pt when there is one; appends its curves to training/logs/NAME.jsonl.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from diptych_mini import data, efficientnet, emoji, features, heads, recipe
from diptych_mini.sources import CACHE
from diptych_mini.texts import unit

SIZE, IMAGE_SIZE, TEMPERATURE = 2, 224, 1.4
TEACHER_SCALE, TEACHER_TEMPERATURE = 15.5, 2.0  # of the zero-shot answers that self-training starts from
SEED = 7
DRAWING_VIEWS = [(style, turn) for turn in (1, 2) for style in emoji.STYLES if features.has_views(style, SIZE, IMAGE_SIZE, turn)]
PHOTO_SPANS = [(0, 10000)]


def measure(model: heads.MixtureHead, rows: np.ndarray, places: np.ndarray, names: torch.Tensor) -> dict:
    """Held-out style: image -> its name among all names, and back."""
    with torch.no_grad():
        found = torch.cat([model(torch.tensor(np.asarray(rows[i:i + 256], np.float32)))[0] for i in range(0, len(rows), 256)])
    scores, truth = found @ names[: len(emoji.catalogue())].T, torch.tensor(places)
    forth = (scores > scores.gather(1, truth[:, None])).sum(1)
    back = (scores > scores[torch.arange(len(truth)), truth][None]).sum(0)[truth]
    return {f"{way}_r{k}": round(float((rank < k).float().mean()), 4) for way, rank in (("name", forth), ("image", back)) for k in (1, 5, 10)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--start", help="a finished run to start from")
    parser.add_argument("--tail", action="store_true", help="train the last blocks too")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=128, help="drawings a step; as many photos are added")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--loss", choices=["softmax", "sigmoid"], default="softmax")
    parser.add_argument("--decay", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)

    net = efficientnet.load(SIZE)
    class_vectors = recipe.class_vectors()
    mean = class_vectors.mean(axis=0)
    drawings = data.drawings(SIZE, IMAGE_SIZE, DRAWING_VIEWS)
    clips, captions, people = data.clipart(SIZE, IMAGE_SIZE)
    captions = torch.tensor(unit(captions - mean))
    photos = data.photos(net, SIZE, IMAGE_SIZE, class_vectors, TEACHER_TEMPERATURE, TEACHER_SCALE, PHOTO_SPANS, options.seed)
    test, places = features.emoji_test(SIZE, IMAGE_SIZE, black=False)
    texts, owners, plain = data.concept_texts()
    texts_of = [np.flatnonzero(owners == number) for number in range(owners.max() + 1)]
    texts = torch.tensor(unit(texts - mean))
    names = texts[torch.tensor(plain)]
    emoji_count, words_count = len(emoji.catalogue()), photos.targets.shape[1]
    persons = np.array([entry.person for entry in emoji.catalogue()])
    person = 1000 + emoji_count + words_count

    mixed = np.concatenate([drawings.features, photos.features])
    model = heads.MixtureHead(net, class_vectors - mean, data.concept_vectors(mean), TEMPERATURE, mixed.mean(axis=0), mixed.std(axis=0) + 0.05)
    tail = heads.Tail(net, features.CUT_BLOCK[SIZE])
    log_scale, bias = torch.nn.Parameter(torch.tensor(np.log(20.0)).float()), torch.nn.Parameter(torch.tensor(-8.0))
    groups = [{"params": model.concepts.parameters(), "weight_decay": options.decay}, {"params": [log_scale, bias], "weight_decay": 0.0}]
    if options.tail:
        groups.append({"params": tail.parameters(), "lr": options.rate / 10, "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, options.rate)
    runs, logs = CACHE / "runs", Path(__file__).parent / "logs"
    runs.mkdir(exist_ok=True, parents=True)
    logs.mkdir(exist_ok=True)
    step = 0
    own, parent = runs / f"{options.name}.pt", runs / f"{options.start}.pt"
    for path in (own, parent):
        if path.exists():
            state = torch.load(path, weights_only=True)
            model.load_state_dict(state["model"])
            tail.load_state_dict(state["tail"])
            log_scale.data, bias.data = state["log_scale"], state["bias"]
            if path == own:
                optimizer.load_state_dict(state["optimizer"])
                step = state["step"]
            break
    anchor = [parameter.detach().clone() for parameter in tail.parameters()]

    def inputs(pool: data.Pool, chosen: np.ndarray) -> torch.Tensor:
        return tail(torch.tensor(pool.rows(chosen))) if options.tail else torch.tensor(pool.features[chosen])

    began, totals = time.time(), np.zeros(4)
    while step < options.steps:
        for group, rate in zip(optimizer.param_groups, (options.rate, options.rate, options.rate / 10)):
            group["lr"] = float(rate * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * np.cos(np.pi * step / options.steps)))
        drawn, seen, cut = (random.integers(len(pool.targets), size=count) for pool, count in
                            ((drawings, options.batch), (photos, options.batch // 2), (clips, options.batch // 2)))
        found, logits = model(torch.cat([inputs(drawings, drawn), inputs(photos, seen), inputs(clips, cut)]))
        truth = torch.tensor(drawings.targets[drawn])
        art, photo, clip = found.split([len(drawn), len(seen), len(cut)])
        art_logits, photo_logits, clip_logits = logits.log_softmax(1).split([len(drawn), len(seen), len(cut)])

        # all drawings: against one random text of each one's own; drawings of emoji also against the plain names of all emoji
        own_texts = torch.cat([texts[[random.choice(texts_of[t]) for t in drawings.targets[drawn]]],
                               captions[clips.targets[cut], random.integers(captions.shape[1], size=len(cut))]])
        keys = torch.cat([truth, torch.tensor(clips.targets[cut]) + 10000])
        same = keys[:, None] == keys[None]
        pictures = torch.cat([art, clip])
        contrast = (heads.symmetric_loss(pictures, own_texts, same, log_scale) if options.loss == "softmax"
                    else heads.sigmoid_loss(pictures, own_texts, same, log_scale, bias))
        everything = F.cross_entropy(log_scale.exp() * art @ names[:emoji_count].T, truth)
        # the detectors themselves: the emoji's own must win over all classes and concepts, with a share for "person"
        share = torch.tensor(np.where(persons[drawings.targets[drawn]], 0.25, 0.0), dtype=torch.float32)
        detectors = -((1 - share) * art_logits.gather(1, truth[:, None] + 1000)[:, 0] + share * art_logits[:, person]).mean()
        humans = -(torch.tensor(people[cut], dtype=torch.float32) * clip_logits[:, person]).mean()
        # photos: the self-given chances over the words, in a random wording each step
        wording = torch.stack([texts[random.choice(texts_of[emoji_count + word])] for word in range(words_count)])
        goal = torch.tensor(photos.targets[seen])
        words = -(goal * (TEACHER_SCALE * photo @ wording.T).log_softmax(1)).sum(1).mean()
        # and photos seldom look like a drawing: all emoji detectors together stay nearly shut
        shut = -torch.log1p(-photo_logits.exp()[:, 1000:1000 + emoji_count].sum(1).clamp(max=0.999)).mean()
        loss = contrast + everything + 0.5 * detectors + 0.5 * humans + 2 * words + 0.2 * shut
        if options.tail:
            loss = loss + 20.0 * sum(((p - a) ** 2).sum() for p, a in zip(tail.parameters(), anchor)) / len(anchor)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log_scale.data.clamp_(0, np.log(100))
        totals += [float(v.detach()) for v in (contrast, everything, words, shut)]
        step += 1
        if step % 25 == 0 or step == options.steps:
            with torch.no_grad():
                rows = (np.concatenate([tail(torch.tensor(np.asarray(test["cut"][i:i + 64], np.float32))).numpy() for i in range(0, len(places), 64)])
                        if options.tail else test["features"]) if step % 250 == 0 or step == options.steps else None
            line = {"step": step, **dict(zip(("contrast", "names", "words", "shut"), (totals / 25).round(4).tolist())),
                    "scale": round(log_scale.exp().item(), 2), "seconds": round(time.time() - began, 1),
                    **(measure(model, rows, places, names) if rows is not None else {})}
            totals[:] = 0
            print(json.dumps(line), flush=True)
            with open(logs / f"{options.name}.jsonl", "a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            partial = own.with_suffix(".part")
            torch.save({"model": model.state_dict(), "tail": tail.state_dict(), "log_scale": log_scale.data, "bias": bias.data,
                        "optimizer": optimizer.state_dict(), "step": step}, partial)
            partial.replace(own)


if __name__ == "__main__":
    main()
