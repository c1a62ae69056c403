"""A thin ONNX graph writer whose weights are stored small and computed in float32.

Matrices are kept as float16 or as int8 with one scale per output channel. The Cast and Mul
that widen them have constant inputs, so ONNX Runtime folds them when a session is created
(DequantizeLinear it would not fold) and the graph runs as an ordinary float32 graph.
Several graphs may keep their matrices in one file beside them, so that a variant costs a few kilobytes.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

OPSET = 17
SMALL = 1024  # bytes up to which a tensor stays in the graph


class SharedWeights:
    """One file of tensors for all graphs of a tower: equal tensors are written once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[bytes, int] = {}
        self.content = bytearray()

    def place(self, tensor: onnx.TensorProto) -> None:
        raw = tensor.raw_data
        if raw not in self.places:
            self.content += bytes(-len(self.content) % 64)
            self.places[raw] = len(self.content)
            self.content += raw
        set_external_data(tensor, location=self.path.name, offset=self.places[raw], length=len(raw))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(self.content)


class Graph:
    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._count = 0
        self.observed: dict[str, str] = {}  # activations by name, for calibration
        self.ranges: dict[str, tuple[float, float]] | None = None  # by the same names: where to quantize them

    def input(self, name: str, kind: int, shape: list) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, value: str, name: str, shape: list) -> None:
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes):
        self._count += 1
        names = [f"{kind.lower()}_{self._count}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value, name: str | None = None) -> str:
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        if name is None:
            name = f"const_{array.dtype}_{'x'.join(map(str, array.shape))}_{zlib.crc32(array.tobytes()):08x}"
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, name: str, array: np.ndarray, store: str, channel: int = 0) -> str:
        """A float32 value kept as `store` ("f32", "f16", "i8": symmetric, one scale per index of axis `channel`)."""
        array = np.ascontiguousarray(array, dtype=np.float32)
        if store == "f32":
            return self.constant(array, name)
        if store == "f16":
            if np.abs(array).max() > 60000:
                raise ValueError(f"{name} does not fit float16")
            half = self.constant(array.astype(np.float16), name)
            return self.op("Cast", half, to=TensorProto.FLOAT)
        quantized, scale = quantize_rows(array, channel)
        wide = self.op("Cast", self.constant(quantized, name), to=TensorProto.FLOAT)
        return self.op("Mul", wide, self.constant(scale, f"{name}.scale"))

    def activation(self, value: str, name: str) -> str:
        """Marks an activation; where the graph has ranges it becomes uint8 here and float32 again, as ONNX Runtime's int8 kernels want it."""
        self.observed[name] = value
        if self.ranges is None:
            return value
        low, high = self.ranges[name]
        scale = max(high - low, 1e-6) / 255
        steps = (self.constant(np.float32(scale)), self.constant(np.uint8(np.clip(round(-low / scale), 0, 255))))
        return self.op("DequantizeLinear", self.op("QuantizeLinear", value, *steps), *steps)

    def quantized_conv(self, name: str, weight: np.ndarray, bias: np.ndarray, source: str) -> tuple[str, str]:
        """Weight and bias of a convolution on the activation `source`, in the form that fuses to an integer convolution."""
        low, high = self.ranges[source]
        values, scales = quantize_rows(weight, 0)
        flat = scales.reshape(-1)
        wide = self.op("DequantizeLinear", self.constant(values, name), self.constant(flat, f"{name}.steps"), axis=0)
        steps = (flat.astype(np.float64) * max(high - low, 1e-6) / 255).astype(np.float32)
        whole = np.round(bias / steps).clip(-(2**31) + 1, 2**31 - 1).astype(np.int32)
        return wide, self.op("DequantizeLinear", self.constant(whole, f"{name}.bias.i32"), self.constant(steps, f"{name}.bias.steps"), axis=0)

    def unit(self, value: str, axis: int = -1) -> str:
        norm = self.op("ReduceL2", value, axes=[axis], keepdims=1)
        return self.op("Div", value, self.op("Max", norm, self.constant(np.float32(1e-12))))

    def save(self, path: Path, note: str, shared: SharedWeights | None = None) -> None:
        """With `shared`, large tensors go there (write it when all graphs are saved)."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.constants.values()))
        domains = {node.domain for node in self.nodes}
        opsets = [helper.make_opsetid("", OPSET)] + [helper.make_opsetid(d, 1) for d in sorted(domains) if d]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="diptych", doc_string=note)
        model.ir_version = 8
        onnx.checker.check_model(model)
        for tensor in model.graph.initializer:
            if shared is not None and len(tensor.raw_data) > SMALL:
                shared.place(tensor)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString())


def quantize_rows(array: np.ndarray, channel: int) -> tuple[np.ndarray, np.ndarray]:
    """int8 values and float32 scales; of a few clipping points per channel the one with the least squared error."""
    axes = tuple(i for i in range(array.ndim) if i != channel)
    # a channel of next to nothing rounds to zero: its own scale would be too fine for the bias to be counted in
    peak = np.maximum(np.abs(array).max(axis=axes, keepdims=True), max(1e-5 * float(np.abs(array).max()), 1e-12))
    best_error, best_scale = None, None
    for share in (1.0, 0.96, 0.92, 0.88, 0.84, 0.8, 0.75, 0.7):
        scale = (peak * share / 127).astype(np.float32)
        error = ((np.clip(np.round(array / scale), -127, 127) * scale - array) ** 2).sum(axis=axes, keepdims=True)
        if best_error is None:
            best_error, best_scale = error, scale
        else:
            better = error < best_error
            best_error, best_scale = np.where(better, error, best_error), np.where(better, scale, best_scale)
    return np.clip(np.round(array / best_scale), -127, 127).astype(np.int8), best_scale.astype(np.float32)
