"""Text vectors by the original all-MiniLM-L6-v2 (float32), for building; evaluation uses the exported tower."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from onnx import TensorProto
from tokenizers import Tokenizer

from . import minilm
from .features import session
from .graph import Graph
from .sources import CACHE, minilm_folder


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), 1e-12)


def tokenizer(path: Path) -> Tokenizer:
    found = Tokenizer.from_file(str(path))
    found.enable_truncation(minilm.CONTEXT)
    found.enable_padding()
    return found


@lru_cache(maxsize=1)
def _encoder():
    path = CACHE / "bodies" / "minilm.onnx"
    if not path.exists():
        graph = Graph("minilm")
        ids = graph.input("input_ids", TensorProto.INT64, ["batch", "length"])
        mask = graph.input("attention_mask", TensorProto.INT64, ["batch", "length"])
        graph.output(minilm.add_encoder(graph, minilm.load(), ids, mask, "f32"), "text_embeds", ["batch", minilm.WIDTH])
        graph.save(path, "")
    return session(path), tokenizer(minilm_folder() / "tokenizer.json")


def run_texts(run, tokens: Tokenizer, texts: list[str], batch: int = 64) -> np.ndarray:
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    rows = np.zeros((len(texts), minilm.WIDTH), np.float32)
    for start in range(0, len(order), batch):
        chosen = order[start:start + batch]
        encoded = tokens.encode_batch([texts[i] for i in chosen])
        rows[chosen] = run.run(None, {"input_ids": np.array([e.ids for e in encoded], np.int64),
                                      "attention_mask": np.array([e.attention_mask for e in encoded], np.int64)})[0]
    return rows


def embed(texts: list[str]) -> np.ndarray:
    """Unit rows of MiniLM itself (no mean taken off). Large sets are kept in training/cache."""
    distinct = sorted(set(texts))
    place = {text: i for i, text in enumerate(distinct)}
    stored = CACHE / "texts" / f"{hashlib.sha256(chr(10).join(distinct).encode()).hexdigest()[:16]}.npy"
    if stored.exists():
        rows = np.load(stored)
    else:
        rows = unit(run_texts(*_encoder(), distinct))
        if len(distinct) > 500:
            stored.parent.mkdir(parents=True, exist_ok=True)
            np.save(stored, rows)
    return rows[[place[text] for text in texts]]
