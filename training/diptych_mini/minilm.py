"""all-MiniLM-L6-v2: its weights out of the published ONNX file, and our own graph of it.

Own graph because the published one wants token_type_ids, stops before the pooling and keeps float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from .graph import Graph, quantize_rows
from .sources import minilm_folder

LAYERS, HEADS, WIDTH, CONTEXT = 6, 12, 384, 128
EPSILON = 1e-12


@dataclass
class MiniLM:
    words: np.ndarray
    positions: np.ndarray  # with token type 0 added
    tensors: dict[str, np.ndarray]


def load() -> MiniLM:
    model = onnx.load(minilm_folder() / "onnx" / "model.onnx")
    raw = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    tensors = {name.removeprefix("encoder."): value for name, value in raw.items() if value.dtype == np.float32}
    for node in model.graph.node:
        # the exporter gave the transposed matrices numbers for names: take them back from the node that uses them
        if node.op_type == "MatMul" and node.input[1] in raw:
            path = node.name.strip("/").removeprefix("encoder/").removesuffix("/MatMul").replace("/", ".")
            tensors[f"{path}.weight"] = raw[node.input[1]]
    positions = tensors["embeddings.position_embeddings.weight"][:CONTEXT] + tensors["embeddings.token_type_embeddings.weight"][0]
    return MiniLM(tensors["embeddings.word_embeddings.weight"], positions, tensors)


def add_encoder(graph: Graph, net: MiniLM, ids: str, mask: str, store: str, whole_numbers: bool = False) -> str:
    """Mean over the mask of the last hidden state, [batch, 384]. `whole_numbers`: multiply in int8 (store must be "i8")."""
    tensors = net.tensors

    def norm(value: str, name: str) -> str:
        return graph.op("LayerNormalization", value, graph.constant(tensors[f"{name}.weight"], f"{name}.weight"),
                        graph.constant(tensors[f"{name}.bias"], f"{name}.bias"), axis=-1, epsilon=EPSILON)

    counted: dict[str, list[str]] = {}

    def linear(value: str, name: str, weight: np.ndarray, bias: np.ndarray) -> str:
        if whole_numbers:
            # the activations' range is taken anew in every run: a text's vector then depends a little on its batch
            if value not in counted:
                counted[value] = graph.op("DynamicQuantizeLinear", value, outputs=3)
            activation, step, zero = counted[value]
            values, scale = quantize_rows(np.ascontiguousarray(weight, np.float32), 1)
            product = graph.op("MatMulInteger", activation, graph.constant(values, f"{name}.weight"), zero)
            steps = graph.op("Mul", step, graph.constant(scale.reshape(-1), f"{name}.weight.steps"))
            product = graph.op("Mul", graph.op("Cast", product, to=TensorProto.FLOAT), steps)
            return graph.op("Add", product, graph.constant(bias, f"{name}.bias"))
        product = graph.op("MatMul", value, graph.weight(f"{name}.weight", weight, store, channel=1))
        return graph.op("Add", product, graph.constant(bias, f"{name}.bias"))

    # rows are widened after they are picked, so the table stays small in memory too
    if store == "i8":
        table, scale = quantize_rows(net.words, 0)
        rows = graph.op("Cast", graph.op("Gather", graph.constant(table, "words"), ids), to=TensorProto.FLOAT)
        words = graph.op("Mul", rows, graph.op("Gather", graph.constant(scale, "words.scale"), ids))
    else:
        words = graph.op("Cast", graph.op("Gather", graph.constant(net.words.astype({"f16": np.float16, "f32": np.float32}[store]), "words"), ids), to=TensorProto.FLOAT)
    length = graph.op("Slice", graph.op("Shape", ids), graph.constant(np.int64([1])), graph.constant(np.int64([2])))
    places = graph.op("Slice", graph.weight("positions", net.positions, "f32"), graph.constant(np.int64([0])), length)
    value = norm(graph.op("Add", words, places), "embeddings.LayerNorm")

    weights = graph.op("Cast", mask, to=TensorProto.FLOAT)
    hidden = graph.op("Sub", graph.constant(np.float32(1)), weights)
    bias = graph.op("Unsqueeze", graph.op("Mul", hidden, graph.constant(np.float32(-1e9))), graph.constant(np.int64([1, 2])))
    size = WIDTH // HEADS
    split = graph.constant(np.int64([0, 0, HEADS, size]))

    for layer in range(LAYERS):
        name = f"layer.{layer}"

        def heads(part: str, order: list[int], factor: float = 1.0) -> str:
            key = f"{name}.attention.self.{part}"
            projected = linear(value, key, tensors[f"{key}.weight"] * factor, tensors[f"{key}.bias"] * factor)
            return graph.op("Transpose", graph.op("Reshape", projected, split), perm=order)

        # 1/sqrt(head size) goes into the query's weights
        query, key = heads("query", [0, 2, 1, 3], size**-0.5), heads("key", [0, 2, 3, 1])
        scores = graph.op("Softmax", graph.op("Add", graph.op("MatMul", query, key), bias), axis=-1)
        mixed = graph.op("Transpose", graph.op("MatMul", scores, heads("value", [0, 2, 1, 3])), perm=[0, 2, 1, 3])
        mixed = graph.op("Reshape", mixed, graph.constant(np.int64([0, 0, WIDTH])))
        dense = f"{name}.attention.output.dense"
        value = norm(graph.op("Add", linear(mixed, dense, tensors[f"{dense}.weight"], tensors[f"{dense}.bias"]), value),
                     f"{name}.attention.output.LayerNorm")
        inner, outer = f"{name}.intermediate.dense", f"{name}.output.dense"
        grown = linear(value, inner, tensors[f"{inner}.weight"], tensors[f"{inner}.bias"])
        curve = graph.op("Add", graph.op("Erf", graph.op("Div", grown, graph.constant(np.float32(2**0.5)))), graph.constant(np.float32(1)))
        active = graph.op("Mul", graph.op("Mul", grown, curve), graph.constant(np.float32(0.5)))
        value = norm(graph.op("Add", linear(active, outer, tensors[f"{outer}.weight"], tensors[f"{outer}.bias"]), value),
                     f"{name}.output.LayerNorm")

    column = graph.op("Unsqueeze", weights, graph.constant(np.int64([2])))
    total = graph.op("ReduceSum", graph.op("Mul", value, column), graph.constant(np.int64([1])), keepdims=0)
    count = graph.op("ReduceSum", weights, graph.constant(np.int64([1])), keepdims=1)
    return graph.op("Div", total, graph.op("Max", count, graph.constant(np.float32(1e-9))))
