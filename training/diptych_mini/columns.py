"""What the drawing detectors look at besides the pooled features: three depths of the tower and the colours, on one coarse grid.

Pooled features forget where things are and what colour they have; flags, clocks and faces are told apart by just that.
"""

from __future__ import annotations

import math

from .efficientnet import Body
from .graph import Graph

TAPS = {0: (5, 10, 11), 2: (6, 14, 15)}  # the last blocks at 1/8 and 1/16 of the picture's side, the first at 1/32
COLOUR_CELLS = 11


def grid_side(image_size: int) -> int:
    return math.ceil(image_size / 32)


def _pooled(graph: Graph, value: str, side: int, cells: int) -> str:
    kernel = math.ceil(side / cells)
    if kernel == 1:
        return value
    spare = cells * kernel - side
    before, after = spare // 2, spare - spare // 2
    return graph.op("AveragePool", value, kernel_shape=[kernel] * 2, strides=[kernel] * 2, pads=[before, before, after, after])


def add_columns(graph: Graph, body: Body, image_size: int) -> tuple[str, int]:
    """[batch, channels, cells, cells] of all taps, and the number of channels."""
    cells = grid_side(image_size)
    parts = [_pooled(graph, value, side, cells) for value, _, side in body.taps]
    return graph.op("Concat", *parts, axis=1), sum(channels for _, channels, _ in body.taps)


def add_colours(graph: Graph, pixels: str, image_size: int) -> tuple[str, int]:
    """[batch, 3 * 11 * 11]: the mean colour of every cell."""
    cells = COLOUR_CELLS
    if image_size % cells:
        raise ValueError(f"the image side must be a multiple of {cells}")
    kernel = image_size // cells
    pooled = graph.op("AveragePool", pixels, kernel_shape=[kernel] * 2, strides=[kernel] * 2)
    return graph.op("Flatten", pooled), 3 * cells * cells
