"""Models of open_clip: visual/ and textual/ as immich lays them out, with open_clip's own configuration."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from .card import write_card
from .graphs import Exporter
from .retrieval import BATCH, Part


class Visual(Part):
    def forward(self, image):
        return self.model.encode_image(image, normalize=True)


class Textual(Part):
    def forward(self, text):
        return self.model.encode_text(text, normalize=True)


def save_tokenizer(tokenizer, folder: Path) -> None:
    """Hugging Face tokenizers save themselves; SimpleTokenizer's tables become vocab.json and merges.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    if hasattr(tokenizer, "tokenizer"):
        tokenizer.tokenizer.save_pretrained(folder)
        return
    (folder / "vocab.json").write_text(json.dumps(tokenizer.encoder, ensure_ascii=False), encoding="utf-8")
    pairs = sorted(tokenizer.bpe_ranks.items(), key=lambda item: item[1])
    lines = ["#version: 0.2", *(" ".join(pair) for pair, _ in pairs)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def export_open_clip(name: str, tag: str | None, out: Path, half: bool) -> dict[str, float]:
    """An open_clip architecture and tag (or `hf-hub:owner/name`, `local-dir:path`) -> `out`."""
    import open_clip

    torch.backends.mha.set_fastpath_enabled(False)
    model = open_clip.create_model(name, pretrained=tag, precision="fp32").eval()
    tokenizer = open_clip.get_tokenizer(name)
    config = open_clip.get_model_config(name)
    if config is None:
        raise SystemExit(f"{name}: open_clip has no configuration of this name")
    preprocess = open_clip.get_model_preprocess_cfg(model)
    size = preprocess["size"]
    height, width = (size, size) if isinstance(size, int) else size
    length = tokenizer.context_length
    # Real texts: some towers pool at the end token and need one.
    traced, checked = tokenizer(["a photo", "two dogs"]), tokenizer(["", "a red car", "x y z"])
    exporter = Exporter(out, half)
    exporter.add(
        "visual/model.onnx", Visual(model), {"image": torch.randn(2, 3, height, width)}, ["embedding"],
        {"image": BATCH, "embedding": BATCH}, {"image": torch.randn(3, 3, height, width)},
    )
    exporter.add(
        "textual/model.onnx", Textual(model), {"text": traced}, ["embedding"], {"text": BATCH, "embedding": BATCH},
        {"text": checked},
    )
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "visual/preprocess_cfg.json").write_text(json.dumps(preprocess, indent=2) + "\n")
    save_tokenizer(tokenizer, out / "textual")
    bias = getattr(model, "logit_bias", None)
    write_card(
        out, name=f"{name}/{tag}" if tag else name, logitScale=float(model.logit_scale.exp()),
        logitBias=None if bias is None else float(bias), embeddingDim=config["embed_dim"], contextLength=length,
        imageSize=height, outputsNormalized=True,
    )
    return exporter.report
