"""Tracing modules to ONNX with a check of each graph, and float16 copies of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from .parity import compare, compare_half

OPSET = 17
# Initialisers above protobuf's 2 GB go to a file beside the graph.
LARGE_BYTES = 1_900_000_000
# Below this a weight is no matrix worth halving.
SMALL = 64


class Exporter:
    """Writes graphs below a folder and remembers how far each is from PyTorch."""

    def __init__(self, out: Path, half: bool):
        self.out = out
        self.half = half
        self.report: dict[str, float] = {}

    def add(
        self,
        file: str,
        module: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        outputs: list[str],
        axes: dict[str, dict[int, str]],
        check: dict[str, torch.Tensor],
    ) -> None:
        """Traces with `inputs`, then compares on `check`, which has another batch size (and length)."""
        target = self.out / file
        trace(module, tuple(inputs.values()), target, list(inputs), outputs, axes)
        compare(target, module, check, self.report)
        if self.half:
            other = target.with_name(f"{target.stem}_fp16.onnx")
            to_float16(target, other)
            compare_half(target, other, check, self.report)


def trace(
    module: torch.nn.Module,
    arguments: tuple[torch.Tensor, ...],
    file: Path,
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    """Writes one graph. The tracing exporter is used: it keeps attention as MatMul, Add, Softmax, MatMul,
    which ONNX Runtime knows how to fuse."""
    file.parent.mkdir(parents=True, exist_ok=True)
    size = sum(weight.numel() * weight.element_size() for weight in module.parameters())
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), arguments, str(file), input_names=inputs, output_names=outputs, dynamic_axes=axes,
            opset_version=OPSET, do_constant_folding=True, dynamo=False,
        )
    if size > LARGE_BYTES:
        model = onnx.load(str(file))
        onnx.save(model, str(file), save_as_external_data=True, location=f"{file.name}_data")


def to_float16(source: Path, target: Path) -> None:
    """A copy with float16 weights and float32 inputs and outputs.

    Weights are stored as float16 with a Cast after them, so that the arithmetic stays in float32 on CPUs, which
    have no float16 units; ONNX Runtime folds the casts when it opens the file.
    """
    model = onnx.load(str(source))
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor) if tensor.data_type == TensorProto.FLOAT else None
        if array is None or array.size <= SMALL:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(array.clip(-65504, 65504).astype("float16"), name + "_float16"))
        casts.append(helper.make_node("Cast", [name + "_float16"], [name], to=TensorProto.FLOAT))
    for at, node in enumerate(casts):
        graph.node.insert(at, node)
    onnx.save(model, str(target))
