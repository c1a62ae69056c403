"""One step's loss: what drawings, clip art and photos each teach the detectors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from . import heads

ADDED = 0.5  # what the detector of a word that is shown should add
TEACHER_SCALE = 15.5  # logit scale at which photos are compared with the labels the model gave itself


@dataclass
class Batch:
    """Everything is a tensor; rows are drawings of emoji, then clip art, then photos."""

    emoji: torch.Tensor  # [a] number of each drawing's emoji
    wordings: torch.Tensor  # [a + c, 384] one text of each drawing, in random wording
    meanings: torch.Tensor  # [a + c] rows of equal number mean the same
    shown: torch.Tensor  # [a + c, NAMED] bool: everyday words that a drawing shows
    chances: torch.Tensor  # [p, 10] self-given chances of the photos
    photo_words: torch.Tensor  # [10, 384] those ten words, each in a random wording


def word_loss(words: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """The detector of a word that a drawing shows must add to its vector, the others must not."""
    missing = (F.relu(ADDED - words) ** 2 * shown).sum(dim=1) / shown.sum(dim=1).clamp(min=1)
    return (missing + 0.1 * (F.relu(words) ** 2 * ~shown).sum(dim=1)).mean()


def losses(model: heads.MixtureHead, project, logits: torch.Tensor, batch: Batch, names: torch.Tensor, log_scale: torch.Tensor,
           bias: torch.Tensor, kind: str) -> dict[str, torch.Tensor]:
    """`names`: the plain names of all emoji [n, 384]; `project`: what the text projection does to a unit vector of the space."""
    drawn, kept = len(batch.emoji), len(batch.meanings)
    found = project(model.mix(logits))
    scale = log_scale.exp()
    same = batch.meanings[:, None] == batch.meanings[None]
    wordings = project(batch.wordings)
    contrast = (heads.symmetric_loss(found[:kept], wordings, same, log_scale) if kind == "softmax"
                else heads.sigmoid_loss(found[:kept], wordings, same, log_scale, bias))
    last = heads.CLASSES + len(names)
    emoji, words = logits[:, :last].log_softmax(dim=1)[:, heads.CLASSES:], logits[:, last: last + len(model.word_vectors)]
    named = batch.shown.shape[1]
    return {
        "contrast": contrast,
        # drawings of emoji: against the names of all emoji at once, and detector against detector
        "names": F.cross_entropy(scale * found[:drawn] @ project(names).T, batch.emoji),
        "detectors": 0.5 * F.nll_loss(emoji[:drawn], batch.emoji),
        "shown": word_loss(words[:kept, :named], batch.shown),
        "photos": -(batch.chances * (TEACHER_SCALE * found[kept:] @ project(batch.photo_words).T).log_softmax(1)).sum(1).mean(),
        # photos seldom look like a drawing, and rarely show what was never self-labelled
        "shut": -0.2 * torch.log1p(-emoji[kept:].exp().sum(1).clamp(max=0.999)).mean() + (F.relu(words[kept:, :named]) ** 2).sum(1).mean(),
    }
