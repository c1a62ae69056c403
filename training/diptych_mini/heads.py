"""The trainable part of the image tower, on top of activations that were computed once.

An image vector is a mixture of text vectors, of ImageNet's classes, as the classifier sees them, and of emoji
names: one softmax decides between them. As far as no emoji is seen, everyday words are added: by detectors, by what the
classes usually show (scenes.py), and by a glance, a linear look for the same where the classifier is at a loss. Directions
in which texts hardly differ carry what the picture looks like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .efficientnet import Lite

CHANNELS, HIDDEN, DROPOUT = 128, 448, 0.3
CLASSES = 1000
PHOTO_ODDS = 20.0  # the softmax calls a photo an emoji more often than an emoji a photo: the odds of "photo" are multiplied
EVIDENCE, ENOUGH = 0.3, 0.1  # what a word in view adds; the chance of its classes at which it is certain to be in view
GLANCE = 0.45  # length of what the glance adds
LOOK = 0.3  # length of what the picture looks like


class Detail(nn.Module):
    """What a drawing shows and where: the columns of three depths, squeezed, beside the pooled features and the colours."""

    def __init__(self, channels: int, cells: int, colours: int, pooled: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, CHANNELS)  # of every cell: a 1 x 1 convolution
        self.join = nn.Linear(CHANNELS * cells + pooled + colours, HIDDEN)

    def seen(self, columns: torch.Tensor, pooled: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        squeezed = F.relu(self.squeeze(columns.flatten(2).transpose(1, 2))).flatten(1)
        return torch.cat([squeezed, pooled, colours], dim=1)

    def forward(self, columns: torch.Tensor, pooled: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        return self.join(F.dropout(self.seen(columns, pooled, colours), DROPOUT, self.training))


@dataclass
class Texts:
    """What image vectors are made of; unit vectors less the mean text."""

    classes: np.ndarray  # [1000, 384]
    emoji: np.ndarray  # [1911, 384]
    words: np.ndarray  # what the word detectors add, as `data.apart` gives it
    known: np.ndarray  # of scenes.KNOWN, the same
    shares: np.ndarray  # [1000, known]: how far a photo of each class shows each word
    spare: np.ndarray  # [64, 384]: orthonormal directions in which texts hardly differ


class MixtureHead(nn.Module):
    def __init__(self, net: Lite, texts: Texts, temperature: float, shapes: tuple[int, int, int]) -> None:
        """`shapes`: channels and cells of the columns, number of colours."""
        super().__init__()
        weight, bias = net.classifier
        channels, self.cells, colours = shapes
        self.classifier = nn.Linear(weight.shape[1], weight.shape[0])
        self.classifier.weight.data, self.classifier.bias.data = torch.tensor(weight) / temperature, torch.tensor(bias) / temperature
        self.classifier.requires_grad_(False)
        self.detail = Detail(channels, self.cells, colours, weight.shape[1])
        self.emoji = nn.Linear(HIDDEN, len(texts.emoji))
        self.words = nn.Linear(weight.shape[1], len(texts.words))
        self.glance = nn.Linear(weight.shape[1], len(texts.known))
        self.look = nn.Linear(weight.shape[1], len(texts.spare))
        self.glance.requires_grad_(False)
        self.look.requires_grad_(False)
        nn.init.zeros_(self.words.weight)
        nn.init.normal_(self.emoji.weight, std=0.01)
        nn.init.zeros_(self.words.bias)
        for name, size in (("features_mean", weight.shape[1]), ("features_scale", weight.shape[1]),
                           ("columns_mean", channels), ("columns_scale", channels)):
            self.register_buffer(name, torch.zeros(size) if name.endswith("mean") else torch.ones(size))
        for name, value in (("vectors", np.concatenate([texts.classes, texts.emoji])), ("word_vectors", texts.words),
                            ("known_vectors", texts.known), ("shares", texts.shares), ("spare", texts.spare)):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))

    def standardise(self, features: torch.Tensor, columns: torch.Tensor) -> None:
        """Takes mean and spread of the inputs from samples."""
        self.features_mean, self.features_scale = features.mean(0), features.std(0) + 0.05
        self.columns_mean, self.columns_scale = columns.mean((0, 2, 3)), columns.std((0, 2, 3)) + 0.05

    def inputs(self, features: torch.Tensor, columns: torch.Tensor, colours: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Columns, pooled features and colours as the detectors want them."""
        grid = (columns - self.columns_mean[:, None, None]) / self.columns_scale[:, None, None]
        return grid, (features - self.features_mean) / self.features_scale, colours

    def fixed(self, features: torch.Tensor, columns: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        """Logits of classes and emoji."""
        emoji = self.emoji(self.detail(*self.inputs(features, columns, colours)))
        return torch.cat([self.classifier(features).float(), emoji.float()], dim=1)

    def everyday(self, features: torch.Tensor) -> torch.Tensor:
        """How much of its vector each word detector adds (less than nothing is nothing), then the glance and the look."""
        words = self.words((features - self.features_mean) / self.features_scale)
        return torch.cat([words.float(), self.glance(features).float(), self.look(features).float()], dim=1)

    def logits(self, features: torch.Tensor, columns: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.fixed(features, columns, colours), self.everyday(features)], dim=1)

    def mix(self, logits: torch.Tensor) -> torch.Tensor:
        """Unit image vectors of what `logits` gives."""
        sizes = [len(part) for part in (self.vectors, self.word_vectors, self.known_vectors, self.spare)]
        seen, words, glance, look = logits.split(sizes, dim=1)
        chances = seen.softmax(dim=1)
        classes = chances[:, :CLASSES]
        share = classes.sum(dim=1, keepdim=True).clamp(min=1e-3)
        photo = PHOTO_ODDS * share / (PHOTO_ODDS * share + 1 - share)
        in_view = (classes @ self.shares / share / ENOUGH).clamp(max=1)
        added = (F.relu(words) @ self.word_vectors + GLANCE * F.normalize(glance @ self.known_vectors, dim=1)) * photo.sqrt()
        found = F.normalize(F.normalize(chances @ self.vectors, dim=1) + added + EVIDENCE * photo * in_view @ self.known_vectors, dim=1)
        return F.normalize(found - found @ self.spare.T @ self.spare + LOOK * F.normalize(look, dim=1) @ self.spare, dim=1)

    def folded(self) -> dict[str, np.ndarray]:
        """The learnt layers with the standardisation folded in, as the exported graph wants them."""
        squeeze = self.detail.squeeze.weight / self.columns_scale
        squeeze_bias = self.detail.squeeze.bias - squeeze @ self.columns_mean
        join, start = self.detail.join.weight.clone(), CHANNELS * self.cells
        # the graph's convolution flattens channel after channel, training cell after cell
        join[:, :start] = join[:, :start].reshape(-1, self.cells, CHANNELS).transpose(1, 2).flatten(1)
        stop = start + len(self.features_mean)
        join[:, start:stop] /= self.features_scale
        join_bias = self.detail.join.bias - join[:, start:stop] @ self.features_mean
        words = self.words.weight / self.features_scale
        found = {"squeeze.weight": squeeze[:, :, None, None], "squeeze.bias": squeeze_bias, "join.weight": join, "join.bias": join_bias,
                 "emoji.weight": self.emoji.weight, "emoji.bias": self.emoji.bias,
                 "words.weight": words, "words.bias": self.words.bias - words @ self.features_mean,
                 "glance.weight": self.glance.weight, "glance.bias": self.glance.bias,
                 "look.weight": self.look.weight, "look.bias": self.look.bias}
        return {name: value.detach().numpy() for name, value in found.items()}


def symmetric_loss(images: torch.Tensor, texts: torch.Tensor, same: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
    """CLIP's loss: cross-entropy over scaled cosines both ways; pairs that share a meaning (`same`) share the target."""
    scores = log_scale.exp() * images @ texts.T
    target = same.float()
    forth = -(target / target.sum(1, keepdim=True) * scores.log_softmax(1)).sum(1).mean()
    back = -(target / target.sum(0, keepdim=True) * scores.log_softmax(0)).sum(0).mean()
    return (forth + back) / 2


def sigmoid_loss(images: torch.Tensor, texts: torch.Tensor, same: torch.Tensor, log_scale: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """SigLIP's loss: every pair is a yes-or-no question of its own."""
    scores = log_scale.exp() * images @ texts.T + bias
    return -F.logsigmoid(torch.where(same, scores, -scores)).sum() / len(images)
