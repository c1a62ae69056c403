"""The trainable part of the image tower, on top of activations that were computed once.

An image vector is a mixture of text vectors: of ImageNet's classes, as the classifier sees them, and of
further concepts (emoji names, everyday words) whose detectors are learnt. One softmax decides between all of them.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .efficientnet import Conv, Lite


class Tail(nn.Module):
    """The blocks after the cut, batch norms folded, starting at the ImageNet weights."""

    def __init__(self, net: Lite, cut: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.ModuleList(_layer(conv) for conv in block.convs) for block in net.blocks[cut + 1:])
        self.skips = [block.skip for block in net.blocks[cut + 1:]]
        self.head = _layer(net.head)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        for convs, skip in zip(self.blocks, self.skips):
            entry = value
            for step, conv in enumerate(convs):
                value = conv(value)
                if step < len(convs) - 1:
                    value = F.relu6(value)
            if skip:
                value = value + entry
        return F.relu6(self.head(value)).mean(dim=(2, 3))

    def write_back(self, net: Lite, cut: int) -> None:
        """Puts the trained weights into the tower that is exported."""
        for convs, block in zip(self.blocks, net.blocks[cut + 1:]):
            for layer, conv in zip(convs, block.convs):
                conv.weight, conv.bias = layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()
        net.head.weight, net.head.bias = self.head.weight.detach().numpy().copy(), self.head.bias.detach().numpy().copy()


def _layer(conv: Conv) -> nn.Conv2d:
    out, per_group, kernel, _ = conv.weight.shape
    if conv.stride != 1:
        raise ValueError("the cut must come after the last stride")
    layer = nn.Conv2d(per_group * conv.groups, out, kernel, padding=kernel // 2, groups=conv.groups)
    layer.weight.data = torch.tensor(conv.weight)
    layer.bias.data = torch.tensor(conv.bias)
    return layer


class MixtureHead(nn.Module):
    def __init__(self, net: Lite, class_vectors: np.ndarray, concept_vectors: np.ndarray, temperature: float,
                 mean: np.ndarray, deviation: np.ndarray) -> None:
        """Vectors already less the mean text; `mean` and `deviation` are those of the frozen features."""
        super().__init__()
        weight, bias = net.classifier
        self.classifier = nn.Linear(weight.shape[1], weight.shape[0])
        self.classifier.weight.data, self.classifier.bias.data = torch.tensor(weight) / temperature, torch.tensor(bias) / temperature
        self.classifier.requires_grad_(False)
        self.concepts = nn.Linear(weight.shape[1], len(concept_vectors))
        nn.init.zeros_(self.concepts.weight)
        nn.init.constant_(self.concepts.bias, -4.0)  # closed until something is learnt
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("deviation", torch.tensor(deviation, dtype=torch.float32))
        self.register_buffer("vectors", torch.tensor(np.concatenate([class_vectors, concept_vectors]), dtype=torch.float32))

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.classifier(features), self.concepts((features - self.mean) / self.deviation)], dim=1)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.logits(features)
        return F.normalize(logits.softmax(dim=1) @ self.vectors, dim=1), logits

    def folded_concepts(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias of the concept detectors on raw features."""
        weight = self.concepts.weight / self.deviation
        bias = self.concepts.bias - weight @ self.mean
        return weight.detach().numpy(), bias.detach().numpy()


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
