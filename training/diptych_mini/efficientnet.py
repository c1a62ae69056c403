"""EfficientNet-Lite: ImageNet weights with batch norms folded, and its ONNX body."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from .graph import Graph
from .sources import efficientnet_weights

# repeats, kernel, stride, expansion, output channels of the Lite family at width 1
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320)]
# width, depth, native image size
SIZES = {0: (1.0, 1.0, 224), 1: (1.0, 1.1, 240), 2: (1.1, 1.2, 260)}
EPSILON = 1e-3
PIXEL_MEAN, PIXEL_STD = 127 / 255, 128 / 255


@dataclass
class Conv:
    weight: np.ndarray
    bias: np.ndarray
    stride: int = 1
    groups: int = 1


@dataclass
class Block:
    convs: list[Conv]
    skip: bool


@dataclass
class Lite:
    stem: Conv
    head: Conv
    classifier: tuple[np.ndarray, np.ndarray]
    image_size: int
    blocks: list[Block] = field(default_factory=list)


def _channels(base: int, width: float) -> int:
    if width == 1.0:
        return base
    scaled = base * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def load(size: int) -> Lite:
    """The weights of EfficientNet-Lite`size`, batch norms folded into the convolutions."""
    state = {k: v.double().numpy() for k, v in torch.load(efficientnet_weights(size), map_location="cpu", weights_only=True).items()
             if v.is_floating_point()}

    def folded(conv: str, norm: str, stride: int = 1, groups: int = 1) -> Conv:
        gain = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + EPSILON)
        weight = state[f"{conv}.weight"] * gain[:, None, None, None]
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain
        return Conv(weight.astype(np.float32), bias.astype(np.float32), stride, groups)

    width, depth, image_size = SIZES[size]
    net = Lite(folded("_conv_stem", "_bn0", stride=2), folded("_conv_head", "_bn1"),
               (state["_fc.weight"].astype(np.float32), state["_fc.bias"].astype(np.float32)), image_size)
    index, channels_in = 0, 32
    for stage, (repeats, _kernel, stride, expansion, base) in enumerate(STAGES):
        # the Lite family scales neither the stem nor the first and last stage's depth
        count = repeats if stage in (0, len(STAGES) - 1) else math.ceil(depth * repeats)
        channels_out = _channels(base, width)
        for step in range(count):
            name, convs = f"_blocks.{index}", []
            if expansion != 1:
                convs.append(folded(f"{name}._expand_conv", f"{name}._bn0"))
            hidden = channels_in * expansion
            convs.append(folded(f"{name}._depthwise_conv", f"{name}._bn1", stride if step == 0 else 1, hidden))
            convs.append(folded(f"{name}._project_conv", f"{name}._bn2"))
            strided = stride if step == 0 else 1
            net.blocks.append(Block(convs, strided == 1 and channels_in == channels_out))
            index, channels_in = index + 1, channels_out
    return net


@dataclass
class Body:
    features: str  # [batch, 1280], pooled
    logits: str  # [batch, 1000]
    taps: list[tuple[str, int, int]]  # per asked block: its output, channels, side


def add_body(graph: Graph, net: Lite, pixels: str, image_size: int, store: str, taps: tuple[int, ...] = ()) -> Body:
    """The network on `pixels`, and the outputs of the blocks `taps` on the way."""
    six, zero = graph.constant(np.float32(6)), graph.constant(np.float32(0))
    side, tapped = image_size, []

    def conv(value: str, source: str, layer: Conv, name: str, clip: bool) -> tuple[str, str]:
        nonlocal side
        kernel = layer.weight.shape[-1]
        out = math.ceil(side / layer.stride)
        total = max((out - 1) * layer.stride + kernel - side, 0)
        before, after = total // 2, total - total // 2
        side = out
        weights = (graph.quantized_conv(f"{name}.weight", layer.weight, layer.bias, source) if graph.ranges is not None
                   else (graph.weight(f"{name}.weight", layer.weight, store), graph.constant(layer.bias, f"{name}.bias")))
        value = graph.op("Conv", value, *weights, group=layer.groups, strides=[layer.stride] * 2, kernel_shape=[kernel] * 2,
                         pads=[before, before, after, after])
        return graph.activation(graph.op("Clip", value, zero, six) if clip else value, name), name

    value, source = conv(graph.activation(pixels, "pixels"), "pixels", net.stem, "stem", True)
    for number, block in enumerate(net.blocks):
        entry = value
        for step, layer in enumerate(block.convs):
            value, source = conv(value, source, layer, f"blocks.{number}.{step}", step < len(block.convs) - 1)
        if block.skip:
            source = f"blocks.{number}"
            value = graph.activation(graph.op("Add", value, entry), source)
        if number in taps:
            tapped.append((value, block.convs[-1].bias.size, side))
    value, source = conv(value, source, net.head, "head", True)
    features = graph.op("Flatten", graph.op("GlobalAveragePool", value))
    weight, bias = net.classifier
    logits = graph.op("Gemm", features, graph.weight("classifier.weight", weight, store), graph.constant(bias, "classifier.bias"),
                      transB=1)
    return Body(features, logits, tapped)
