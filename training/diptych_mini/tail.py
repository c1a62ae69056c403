"""The last blocks of the image tower as PyTorch layers, for fine-tuning them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .columns import TAPS
from .efficientnet import Conv, Lite


class Tail(nn.Module):
    """The blocks after the deepest tap, batch norms folded, starting at the ImageNet weights."""

    def __init__(self, net: Lite, size: int) -> None:
        super().__init__()
        self.first = TAPS[size][-1] + 1
        blocks = net.blocks[self.first:]
        self.channels = blocks[0].convs[0].weight.shape[1]
        self.blocks = nn.ModuleList(nn.ModuleList(_layer(conv) for conv in block.convs) for block in blocks)
        self.skips = [block.skip for block in blocks]
        self.head = _layer(net.head)

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        """Pooled features [n, 1280] of the columns, whose last channels are the deepest tap."""
        value = columns[:, -self.channels:].contiguous(memory_format=torch.channels_last)
        for convs, skip in zip(self.blocks, self.skips):
            entry = value
            for step, conv in enumerate(convs):
                value = conv(value)
                if step < len(convs) - 1:
                    value = F.relu6(value)
            if skip:
                value = value + entry
        return F.relu6(self.head(value)).float().mean(dim=(2, 3))

    def write_back(self, net: Lite) -> None:
        """Puts the trained weights into the tower that is exported."""
        for convs, block in zip(self.blocks, net.blocks[self.first:]):
            for layer, conv in zip(convs, block.convs):
                conv.weight, conv.bias = layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()
        net.head.weight, net.head.bias = self.head.weight.detach().numpy().copy(), self.head.bias.detach().numpy().copy()


def _layer(conv: Conv) -> nn.Conv2d:
    out, per_group, kernel, _ = conv.weight.shape
    if conv.stride != 1:
        raise ValueError("the last tap must come after the last stride")
    layer = nn.Conv2d(per_group * conv.groups, out, kernel, padding=kernel // 2, groups=conv.groups)
    layer.weight.data = torch.tensor(conv.weight)
    layer.bias.data = torch.tensor(conv.bias)
    return layer
