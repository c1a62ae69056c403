"""Fits the detectors on top of the frozen tower, in closed form; --steps of gradient descent may follow, --tail fine-tunes the
tower's last blocks too, --project a projection of all texts.

python training/train.py --name heads
python training/train.py --name tuned --start heads --steps 300
python training/train.py --name tail --start heads --tail --steps 300 --rate 2e-4
python training/train.py --name small --small          # two styles, a few steps: to see that all is well
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

from diptych_mini import data, efficientnet, emoji, everyday, features, heads, images, objective, recipe, ridge, words
from diptych_mini.sources import CACHE
from diptych_mini.tail import Tail
from diptych_mini.texts import unit

SIZE, IMAGE_SIZE, TEMPERATURE = 2, 176, 1.4
TEACHER_TEMPERATURE = 2.0  # of the zero-shot answers that self-training starts from
PHOTOS, CROPPED, SEED = 10000, 1000, 7
SMALL = {"styles": ["google", "noto-v1"], "photos": 1000, "cropped": 200, "steps": 50, "batch": 64, "views": 1, "without": ["fxemoji"]}
LOGS = Path(__file__).parent / "logs"


class Run:
    """Everything that is learnt, and how it goes to and from disk."""

    def __init__(self, net: efficientnet.Lite, shapes: tuple[int, int, int]) -> None:
        self.mean = recipe.class_vectors().mean(axis=0)
        self.model = heads.MixtureHead(net, data.vectors(self.mean), TEMPERATURE, shapes)
        self.tail = Tail(net, SIZE)
        self.projection = torch.nn.Parameter(torch.eye(len(self.mean)))
        self.log_scale = torch.nn.Parameter(torch.tensor(np.log(20.0)).float())
        self.bias = torch.nn.Parameter(torch.tensor(-8.0))
        self.step = 0

    def project(self, vectors: torch.Tensor) -> torch.Tensor:
        return F.normalize(vectors @ self.projection.T, dim=1)

    def logits(self, rows: list[torch.Tensor], tail: bool) -> torch.Tensor:
        if len(rows) == 2:  # of a frozen pool
            pooled, fixed = rows
            return torch.cat([fixed, self.model.everyday(pooled)], dim=1)
        pooled, columns, colours = rows
        with torch.autocast("cpu", torch.bfloat16):
            return self.model.logits(self.tail(columns) if tail else pooled, columns, colours)

    def state(self) -> dict:
        return {"model": self.model.state_dict(), "tail": self.tail.state_dict(), "projection": self.projection.data,
                "log_scale": self.log_scale.data, "bias": self.bias.data, "step": self.step}

    def load(self, path: Path) -> dict:
        state = torch.load(path, weights_only=True)
        # the texts come from the code as it is now: a wording may change after the detectors were trained
        texts = {name: getattr(self.model, name) for name in ("vectors", "word_vectors", "known_vectors", "shares", "spare")}
        self.model.load_state_dict({**state["model"], **texts})
        self.tail.load_state_dict(state["tail"])
        for name in ("projection", "log_scale", "bias"):
            getattr(self, name).data = state[name]
        self.step = state["step"]
        return state


def shapes_of(pool: data.Pool) -> tuple[int, int, int]:
    _, channels, high, wide = pool.parts["columns"].shape
    return channels, high * wide, pool.parts["colours"].shape[1]


def photos_of(net: efficientnet.Lite, count: int, cropped: int, seed: int) -> tuple[data.Pool, data.Pool]:
    return data.photos(net, SIZE, IMAGE_SIZE, recipe.class_vectors(), TEACHER_TEMPERATURE, objective.TEACHER_SCALE, count, cropped, seed)


def measure(run: Run, pool: data.Pool, names: torch.Tensor, tail: bool) -> dict:
    """Drawings -> their names among all emoji's, and back."""
    run.model.eval()
    with torch.no_grad():
        found = torch.cat([run.project(run.model.mix(run.logits(pool.rows(np.arange(i, min(i + 256, len(pool.targets)))), tail)))
                           for i in range(0, len(pool.targets), 256)])
        scores, truth = found @ run.project(names).T, torch.tensor(pool.targets)
    run.model.train()
    own = scores.gather(1, truth[:, None])
    forth, back = (scores > own).sum(1), (scores[:, truth] > own.T).sum(0)
    return {f"{way}_r{k}": round(float((rank < k).float().mean()), 4) for way, rank in (("name", forth), ("image", back)) for k in (1, 10)}


class Sampler:
    """Draws batches. `hard`: the share of the drawings that comes from a few groups of look-alikes (faces, flags, family, ...)."""

    def __init__(self, drawings: data.Pool, clips: tuple[data.Pool, np.ndarray, np.ndarray], photos: data.Pool, mean: np.ndarray,
                 batch: int, hard: float, seed: int) -> None:
        self.drawings, self.photos, self.batch, self.hard = drawings, photos, batch, hard
        self.clips, captions, self.clip_words = clips
        self.captions = torch.tensor(unit(captions - mean))
        self.texts = data.concept_texts()
        self.rows = torch.tensor(unit(self.texts.rows - mean))
        self.wordings = [self.texts.of(number) for number in range(len(self.texts.plain))]
        groups = np.array([entry.group for entry in emoji.catalogue()])[drawings.targets]
        self.groups = [np.flatnonzero(groups == group) for group in np.unique(groups)]
        order = np.argsort(drawings.targets, kind="stable")
        self.alike = np.split(order, np.flatnonzero(np.diff(drawings.targets[order])) + 1)
        self.alike_of = np.cumsum(np.isin(np.arange(drawings.targets.max() + 1), drawings.targets)) - 1
        self.named = [words.WORDS.index(word) for word in words.NAMED]
        self.random = np.random.default_rng(seed)

    def _drawings(self) -> np.ndarray:
        random, hard = self.random, int(self.batch * self.hard)
        easy = random.integers(len(self.drawings.targets), size=self.batch - hard)
        weights = np.array([len(group) for group in self.groups], float)
        chosen = random.choice(len(self.groups), size=2, replace=False, p=weights / weights.sum())
        pool = np.concatenate([self.groups[number] for number in chosen])
        return np.concatenate([easy, random.choice(pool, size=hard)])

    def _blended(self, drawn: np.ndarray) -> list[torch.Tensor]:
        """Half of the drawings are blended with another vendor's drawing of the same emoji: styles between the styles."""
        others = np.array([self.random.choice(self.alike[self.alike_of[target]]) for target in self.drawings.targets[drawn]])
        share = np.where(self.random.random(len(drawn)) < 0.5, self.random.uniform(0.3, 1.0, len(drawn)), 1.0)
        if self.drawings.names != data.PARTS:
            return self.drawings.rows(drawn)
        own = torch.tensor(share, dtype=torch.float32)
        return [a * own.view(-1, *[1] * (a.dim() - 1)) + b * (1 - own).view(-1, *[1] * (a.dim() - 1))
                for a, b in zip(self.drawings.rows(drawn), self.drawings.rows(others))]

    def __call__(self) -> tuple[list[torch.Tensor], objective.Batch]:
        random, count = self.random, len(emoji.catalogue())
        drawn = self._drawings()
        cut, seen = (random.integers(len(pool.targets), size=size) for pool, size in ((self.clips, self.batch // 4), (self.photos, self.batch)))
        targets, captions = self.drawings.targets[drawn], self.clips.targets[cut]
        rows = [torch.cat(parts) for parts in zip(self._blended(drawn), self.clips.rows(cut), self.photos.rows(seen))]
        wordings = torch.cat([self.rows[[random.choice(self.wordings[t]) for t in targets]],
                              self.captions[captions, random.integers(self.captions.shape[1], size=len(cut))]])
        shown = np.concatenate([data.emoji_words()[targets], self.clip_words[cut]])[:, self.named]
        photo_words = self.rows[[random.choice(self.wordings[count + word]) for word in range(len(images.CIFAR_LABELS))]]
        return rows, objective.Batch(torch.tensor(targets), wordings, torch.tensor(np.concatenate([targets, captions + 10000])),
                                     torch.tensor(shown), torch.tensor(self.photos.targets[seen]), photo_words)


def views(options: argparse.Namespace) -> list[tuple[str, int]]:
    return [(style, turn) for turn in range(1, options.views + 1) for style in emoji.STYLES
            if style not in options.without and style in options.styles and features.has_views(style, SIZE, IMAGE_SIZE, turn)]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--start", help="a finished run to start from")
    parser.add_argument("--tail", action="store_true", help="fine-tune the last blocks too")
    parser.add_argument("--words", action="store_true", help="train the word detectors only: cheap steps")
    parser.add_argument("--project", action="store_true", help="learn a projection of the text space too")
    parser.add_argument("--steps", type=int, default=0, help="of gradient descent after the closed form")
    parser.add_argument("--batch", type=int, default=256, help="drawings a step; as many photos and a quarter as much clip art are added")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--loss", choices=["softmax", "sigmoid"], default="softmax")
    parser.add_argument("--hard", type=float, default=0.25, help="share of the drawings that comes from groups of look-alikes")
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--views", type=int, default=9, help="use at most this many views of every drawing")
    parser.add_argument("--without", nargs="*", default=[], help="styles left out of training; the first is measured on")
    parser.add_argument("--every", type=int, default=250, help="steps between measurements")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--small", action="store_true", help=f"a setting of a few minutes: {SMALL}")
    parser.set_defaults(styles=emoji.STYLES, photos=PHOTOS, cropped=CROPPED)
    known, _ = parser.parse_known_args()
    if known.small:
        parser.set_defaults(**SMALL)
    return parser.parse_args()


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    net = efficientnet.load(SIZE)
    drawings, clips = data.drawings(SIZE, IMAGE_SIZE, views(options)), data.clipart(SIZE, IMAGE_SIZE)
    run = Run(net, shapes_of(drawings))
    photos, cropped = photos_of(net, options.photos, options.cropped, options.seed)
    sample = Sampler(drawings, clips, photos, run.mean, options.batch, options.hard, options.seed)
    names = [sample.rows[places[: len(emoji.catalogue())]] for places in (sample.texts.plain, sample.texts.official)]
    ordinary = None if options.small else (features.ordinary(SIZE, IMAGE_SIZE), everyday.taught()[2])
    watched = data.pool([features.emoji_test(SIZE, IMAGE_SIZE, False, options.without[0])]) if options.without else None

    own, parent = CACHE / "runs" / f"{options.name}.pt", CACHE / "runs" / f"{options.start}.pt"
    own.parent.mkdir(exist_ok=True, parents=True)
    LOGS.mkdir(exist_ok=True)
    some, random = [], np.random.default_rng(0)
    for pool, count in ((drawings, 2000), (photos, 1000)):
        some.append(pool.rows(random.integers(len(pool.targets), size=count)))
    emoji_layers = [*run.model.detail.parameters(), *run.model.emoji.parameters()]
    groups = [{"params": run.model.words.parameters(), "weight_decay": options.decay},
              {"params": emoji_layers, "weight_decay": options.decay, "share": 0.0 if options.words else 0.1},
              {"params": [run.log_scale, run.bias], "weight_decay": 0.0}]
    if options.project:
        groups.append({"params": [run.projection], "weight_decay": 0.0, "share": 0.1})
    if options.tail:
        groups.append({"params": run.tail.parameters(), "weight_decay": 0.0, "share": 0.1})
    optimizer = torch.optim.AdamW(groups, options.rate)

    def record(line: dict) -> None:
        print(json.dumps(line), flush=True)
        with open(LOGS / f"{options.name}.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        partial = own.with_suffix(".part")
        torch.save({**run.state(), "optimizer": optimizer.state_dict(), "random": json.dumps(sample.random.bit_generator.state),
                    "tuned": options.tail}, partial)
        partial.replace(own)

    if own.exists():
        state = run.load(own)
        optimizer.load_state_dict(state["optimizer"])
        sample.random.bit_generator.state = json.loads(state["random"])
    elif options.start:
        run.load(parent)
        run.step = 0
    else:
        run.model.standardise(*(torch.cat([rows[part] for rows in some]) for part in (0, 1)))
        ridge.fit(run.model, drawings, [photos, clips[0]], options.seed)
        with torch.no_grad():
            ridge.fit_words(run.model, [(drawings, data.emoji_words()[drawings.targets]), (clips[0], clips[2])], [photos, cropped], ordinary)
            ridge.fit_glance(run.model, TEMPERATURE, cropped)
            ridge.fit_look(run.model, photos, clips[0])
        record({"step": 0, "fitted": len(drawings.targets), "seconds": round(time.process_time(), 1),
                **(measure(run, watched, names[0], False) if watched is not None else {})})
    if options.words:
        run.model.eval()
        with torch.no_grad():
            for pool in filter(None, (drawings, clips[0], photos, watched)):
                pool.freeze(lambda rows: run.model.fixed(*rows))
    anchor = [parameter.detach().clone() for parameter in Tail(net, SIZE).parameters()]
    eye = torch.eye(len(run.mean))

    began, totals = time.time(), {}
    while run.step < options.steps:
        for group in optimizer.param_groups:
            group["lr"] = float(options.rate * group.get("share", 1.0) * min(1.0, (run.step + 1) / 50)
                                * (0.5 + 0.5 * np.cos(np.pi * run.step / options.steps)))
        rows, batch = sample()
        parts = objective.losses(run.model, run.project, run.logits(rows, options.tail), batch, names[run.step % 2], run.log_scale, run.bias, options.loss)
        loss = sum(parts.values()) + 5.0 * ((run.projection - eye) ** 2).sum()
        if options.tail:  # stay close to the ImageNet weights: what photos are told apart by must not be forgotten
            loss = loss + 20.0 * sum(((p - a) ** 2).sum() for p, a in zip(run.tail.parameters(), anchor)) / len(anchor)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log_scale.data.clamp_(0, np.log(100))
        for name, value in parts.items():
            totals[name] = totals.get(name, 0.0) + value.item()
        run.step += 1
        if run.step % 25 == 0 or run.step == options.steps:
            line = {"step": run.step, **{name: round(value / 25, 4) for name, value in totals.items()},
                    "scale": round(run.log_scale.exp().item(), 2), "seconds": round(time.time() - began, 1)}
            totals = {}
            if watched is not None and (run.step == options.steps or run.step % options.every == 0):
                line |= measure(run, watched, names[0], options.tail)
            record(line)


if __name__ == "__main__":
    main()
