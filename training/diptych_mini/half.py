"""A finished graph in float16 arithmetic: for devices that are fast at it. Inputs and outputs stay as they are.

Stored weights are still widened in float32, and then cast: that ONNX Runtime folds away on any machine.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from .graph import Graph

LARGEST = 60000.0  # a hidden token's -1e9 would become -inf, and 0 * -inf is no number


def halved(graph: Graph) -> Graph:
    """A copy whose float32 constants, casts and inputs are float16."""
    widened = {node.input[0]: node.input[1] for node in graph.nodes if node.op_type == "Mul" and node.input[1] in graph.constants
               and node.input[1].endswith(".scale")}
    found = Graph(graph.name)
    found.inputs, found.outputs = graph.inputs, graph.outputs
    renamed = {}
    for value in graph.inputs:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            renamed[value.name] = f"{value.name}.half"
            found.nodes.append(helper.make_node("Cast", [value.name], [renamed[value.name]], to=TensorProto.FLOAT16))
    for name, tensor in graph.constants.items():
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and name not in widened.values():
            tensor = numpy_helper.from_array(array.clip(-LARGEST, LARGEST).astype(np.float16), name)
        found.constants[name] = tensor
    outputs = {value.name for value in graph.outputs}
    for node in graph.nodes:
        copy = type(node)()
        copy.CopyFrom(node)
        copy.input[:] = [renamed.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.output[0] in outputs:
            copy = helper.make_node("Cast", [*copy.input], [*node.output], to=TensorProto.FLOAT)
        elif node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT and node.output[0] not in widened:
            copy.attribute[0].i = TensorProto.FLOAT16
        found.nodes.append(copy)
        if node.op_type == "Mul" and widened.get(node.input[0]) == node.input[1]:
            copy.output[0] = f"{node.output[0]}.wide"
            found.nodes.append(helper.make_node("Cast", [copy.output[0]], [node.output[0]], to=TensorProto.FLOAT16))
    return found
