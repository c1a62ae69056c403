"""A start in closed form: linear discriminants between all emoji over what the detectors see, at the rank of the hidden layer,
and between everyday words over the pooled features.

With a handful of drawings of each it is as good as many steps of gradient descent, and takes seconds.
"""

from __future__ import annotations

import numpy as np
import torch

from . import heads, words
from .data import Pool

BATCH = 500
PENALTY = 0.2  # of the mean variance of what is seen
SHARPNESS, THRESHOLD = 2.2, 1.2  # of scores in standard deviations
FEWEST = 5  # drawings that a word's detector needs
GLANCE_PENALTY = 3.0  # of the mean variance of the classifier's rows
LOOKED_AT = 3000  # pictures of either kind that the look's axes come from
USUAL = 4.0  # standard deviations at which a word is usually shown
# penalty, gain and threshold of the words' detectors: of those learnt on drawings, and on photos
DRAWN, PHOTOGRAPHED = (2.0, 0.3, 1.3), (0.1, 0.2, 0.5)
TAUGHT = (3.0, 3.0, 0.03)  # the same of those learnt on ordinary photos: of their mean squared length, of a share of photos


def squeeze_by_variance(model: heads.MixtureHead, pools: list[Pool], random: np.random.Generator) -> None:
    """The squeeze takes the directions of most variance over all cells, each with both signs: nothing is lost to the ReLU."""
    cells = []
    for pool in pools:
        rows = pool.rows(random.integers(len(pool.targets), size=BATCH))
        grid, _, _ = model.inputs(*rows)
        cells.append(grid.flatten(2).transpose(1, 2).flatten(0, 1))
    values = torch.cat(cells)
    _, vectors = torch.linalg.eigh(values.T @ values / len(values))
    half = vectors[:, -heads.CHANNELS // 2:].T
    model.detail.squeeze.weight.data = torch.cat([half, -half]).contiguous()
    model.detail.squeeze.bias.data.zero_()


def moments(model: heads.MixtureHead, drawings: Pool, others: list[Pool]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean and covariance of what is seen, and how far from the mean every emoji's own mean lies [width, emoji]."""
    width, count = model.detail.join.weight.shape[1], model.emoji.weight.shape[0]
    gram, mean, total = torch.zeros(width, width), torch.zeros(width), 0
    moment, hits = torch.zeros(count, width), torch.zeros(count)
    for pool in (drawings, *others):
        for start in range(0, len(pool.targets), BATCH):
            chosen = np.arange(start, min(start + BATCH, len(pool.targets)))
            inputs = model.inputs(*pool.rows(chosen))
            with torch.autocast("cpu", torch.bfloat16):
                seen = model.detail.seen(*inputs)
            seen = seen.float()
            gram.addmm_(seen.T, seen)
            mean += seen.sum(0)
            total += len(chosen)
            if pool is drawings:
                truth = torch.tensor(pool.targets[chosen])
                moment.index_add_(0, truth, seen)
                hits += torch.bincount(truth, minlength=count).float()
    mean /= total
    offsets = torch.where(hits[:, None] > 0, moment / hits.clamp(min=1)[:, None] - mean, torch.zeros(()))
    return mean, gram / total - mean[:, None] * mean[None], offsets.T


def solve(model: heads.MixtureHead, mean: torch.Tensor, covariance: torch.Tensor, offsets: torch.Tensor, penalty: float) -> None:
    """Linear discriminants covariance^-1 offset_c, each at unit spread over all pictures: an emoji that few vendors drew has a noisier,
    longer offset, and would else be heard too loudly or, with the usual bias of its length, not at all."""
    ridged = covariance.clone()
    ridged.diagonal().add_(penalty * covariance.diagonal().mean())
    weights = torch.cholesky_solve(offsets, torch.linalg.cholesky(ridged))
    spread = covariance @ weights
    lengths = (weights * spread).sum(0).sqrt().clamp(min=1e-6)
    _, directions = torch.linalg.eigh((weights.T @ spread) / (lengths[:, None] * lengths[None]))
    directions = directions[:, -heads.HIDDEN:]  # [emoji, hidden]: what carries most of the spread of the scores
    model.detail.join.weight.data = ((weights / lengths) @ directions).T.contiguous()
    model.detail.join.bias.data = -(mean @ weights / lengths) @ directions
    model.emoji.weight.data = (SHARPNESS * directions).contiguous()
    model.emoji.bias.data.fill_(-SHARPNESS * THRESHOLD)


def discriminants(offsets: torch.Tensor, covariance: torch.Tensor, spread: torch.Tensor, penalty: float) -> torch.Tensor:
    """[width, words] for `offsets` [words, width], each at unit spread over the pictures whose covariance is `spread`."""
    ridged = covariance.clone()
    ridged.diagonal().add_(penalty * covariance.diagonal().mean())
    weights = torch.cholesky_solve(offsets.T, torch.linalg.cholesky(ridged))
    return weights / (weights * (spread @ weights)).sum(0).sqrt().clamp(min=1e-6)


def taught(rows: torch.Tensor, shown: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [width, words] and biases: kernel ridge regression of which words photos show, each less its usual share."""
    penalty, gain, threshold = TAUGHT
    mean = rows.mean(0)
    rows, targets = rows - mean, shown - shown.mean(0)
    gram = rows @ rows.T
    gram.diagonal().add_(penalty * gram.diagonal().mean())
    weights = gain * rows.T @ torch.linalg.solve(gram, targets)
    return weights, -mean @ weights - gain * threshold


def fit_words(model: heads.MixtureHead, drawn: list[tuple[Pool, np.ndarray]], photos: list[Pool],
              ordinary: tuple[np.ndarray, np.ndarray] | None) -> None:
    """`drawn`: pools with the words that every picture shows, bool [n, WORDS]; `photos`: the last as they look in use. Drawings and
    photos are each taken less their own mean, so that what tells them apart tells no words apart. `ordinary`: pooled features of
    ordinary photos and the words that each shows; without them the last detectors are silent."""
    named = [words.WORDS.index(word) for word in words.NAMED]
    seen = torch.cat([pool.parts["features"].float() for pool, _ in drawn])
    shown = torch.tensor(np.concatenate([table[:, named] for _, table in drawn])).float()
    found = [pool.parts["features"].float() for pool in photos]
    centre = found[-1].mean(0)
    real, chances = torch.cat([rows - rows.mean(0) for rows in found]), torch.tensor(np.concatenate([pool.targets for pool in photos])).float()
    seen = seen - seen.mean(0)
    spread = real.T @ real
    covariance = (seen.T @ seen + spread) / (len(seen) + len(real))
    spread /= len(real)
    counts, chances = shown.sum(0), chances / chances.sum(0)

    penalty, gain, threshold = DRAWN
    weights = discriminants((shown / counts.clamp(min=1)).T @ seen, covariance, covariance, penalty)
    usual = (shown * (seen @ weights)).sum(0) / counts.clamp(min=1)  # the fewer the drawings, the more of this is chance
    weights = torch.where(counts >= FEWEST, gain * weights * (USUAL / usual.clamp(min=1)).sqrt(), 0)
    biases = -gain * threshold * torch.ones(len(named))
    penalty, gain, threshold = PHOTOGRAPHED
    weights = torch.cat([weights, gain * discriminants(chances.T @ real, covariance, spread, penalty)], dim=1)
    biases = torch.cat([biases, -gain * threshold * torch.ones(chances.shape[1])]) - centre @ weights
    left = len(model.word_vectors) - weights.shape[1]
    last = taught(*(torch.tensor(np.asarray(part, np.float32)) for part in ordinary)) if ordinary else (torch.zeros(len(weights), left), torch.zeros(left))
    weights, biases = torch.cat([weights, last[0]], dim=1), torch.cat([biases, last[1]])

    model.words.weight.data = (weights.T * model.features_scale).contiguous()
    model.words.bias.data = biases + model.features_mean @ weights


def fit_glance(model: heads.MixtureHead, temperature: float, photos: Pool) -> None:
    """One linear map from the pooled features to words in view, by ridge regression from the classifier's rows, as if each were a
    picture, to what photos of its class show: where no class is likely, all of them still say what the picture is near to."""
    rows = model.classifier.weight * temperature
    rows, shares = rows - rows.mean(0), model.shares - model.shares.mean(0)
    gram = rows.T @ rows
    gram.diagonal().add_(GLANCE_PENALTY * gram.diagonal().mean())
    weights = torch.linalg.solve(gram, rows.T @ shares).T
    model.glance.weight.data = weights.contiguous()
    model.glance.bias.data = -weights @ photos.parts["features"].float().mean(0)


def fit_look(model: heads.MixtureHead, photos: Pool, clips: Pool) -> None:
    """The main axes of the pooled features, half whitened."""
    seen = torch.cat([pool.parts["features"][:LOOKED_AT].float() for pool in (photos, clips)])
    mean = seen.mean(0)
    _, spread, axes = torch.linalg.svd(seen - mean, full_matrices=False)
    count = len(model.spare)
    weights = axes[:count] * (spread[0] / spread[:count]).sqrt()[:, None]
    model.look.weight.data = weights.contiguous()
    model.look.bias.data = -weights @ mean


def fit(model: heads.MixtureHead, drawings: Pool, others: list[Pool], seed: int) -> None:
    """`others`: pictures that are no emoji; every detector's target is 0 there."""
    with torch.no_grad():
        squeeze_by_variance(model, [drawings, *others], np.random.default_rng(seed))
        solve(model, *moments(model, drawings, others), PENALTY)
