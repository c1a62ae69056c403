"""Two-tower models of transformers: vision_model and text_model of the Transformers.js layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from .blip import export_captioner, export_retrieval
from .blip2 import export_queries
from .card import write_card
from .graphs import Exporter
from .retrieval import BATCH, BOTH

# Which pooled state of the text tower the family projects, and what its graph takes beside the ids.
FIRST_TOKEN = {"chinese_clip", "align"}
MASKED = {"chinese_clip", "align", "vision-text-dual-encoder", "metaclip_2"}
UNPROJECTED = {"siglip"}
TOWERS = {"clip", "metaclip_2", *UNPROJECTED, "chinese_clip", "align", "vision-text-dual-encoder"}


class VisionTower(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.tower = model.vision_model
        self.projection = getattr(model, "visual_projection", None)

    def forward(self, pixel_values):
        pooled = self.tower(pixel_values=pixel_values).pooler_output
        return pooled if self.projection is None else self.projection(pooled)


class TextTower(torch.nn.Module):
    def __init__(self, model, kind: str):
        super().__init__()
        self.tower = model.text_model
        self.projection = None if kind in UNPROJECTED else model.text_projection
        self.first = kind in FIRST_TOKEN

    def forward(self, input_ids, attention_mask=None):
        masked = {} if attention_mask is None else {"attention_mask": attention_mask}
        result = self.tower(input_ids=input_ids, **masked)
        pooled = result.last_hidden_state[:, 0] if self.first else result.pooler_output
        return pooled if self.projection is None else self.projection(pooled)


def image_size(model, processor) -> tuple[int, int]:
    """What the image processor makes, which a tower's own size need not be (ALIGN)."""
    if getattr(processor, "do_center_crop", False) and processor.crop_size:
        return processor.crop_size["height"], processor.crop_size["width"]
    size = model.config.vision_config.image_size
    return (size, size) if isinstance(size, int) else tuple(size)


def text_inputs(kind: str, batch: int, length: int, config) -> dict[str, torch.Tensor]:
    ids = torch.randint(3, min(config.vocab_size, 49000) - 3, (batch, length))
    if kind in ("clip", "metaclip_2"):
        # Pooled at the end token: there must be one.
        ids[:, -1] = config.eos_token_id if config.eos_token_id != 2 else config.vocab_size - 1
    inputs = {"input_ids": ids}
    if kind in MASKED:
        mask = torch.ones_like(ids)
        mask[-1, length - 2 :] = 0
        inputs["attention_mask"] = mask
    return inputs


def export_towers(model, kind: str, processor, exporter: Exporter) -> None:
    height, width = image_size(model, processor)
    text = model.config.text_config
    image_output, text_output = ("pooler_output",) * 2 if kind in UNPROJECTED else ("image_embeds", "text_embeds")
    exporter.add(
        "onnx/vision_model.onnx", VisionTower(model), {"pixel_values": torch.randn(2, 3, height, width)}, [image_output],
        {"pixel_values": BATCH, image_output: BATCH}, {"pixel_values": torch.randn(3, 3, height, width)},
    )
    # SigLIP's towers were trained on padded texts of one length; the others take any.
    length = text.max_position_embeddings if kind in UNPROJECTED else 9
    inputs = text_inputs(kind, 2, length, text)
    axes = BATCH if kind in UNPROJECTED else BOTH
    exporter.add(
        "onnx/text_model.onnx", TextTower(model, kind), inputs, [text_output],
        {**dict.fromkeys(inputs, axes), text_output: BATCH},
        text_inputs(kind, 3, length if kind in UNPROJECTED else 13, text),
    )


def logit_facts(model, kind: str) -> dict[str, float]:
    if kind == "align":
        return {"logitScale": 1 / float(model.temperature)}
    facts = {"logitScale": float(model.logit_scale.exp())}
    if getattr(model, "logit_bias", None) is not None:
        facts["logitBias"] = float(model.logit_bias)
    return facts


def export_transformers(source: str, out: Path, half: bool) -> dict[str, float]:
    """A folder or hub id that transformers can load -> `out`. Returns the distance of each graph from PyTorch."""
    import transformers

    config = transformers.AutoConfig.from_pretrained(source)
    kind = config.model_type
    architectures = config.architectures or []
    exporter = Exporter(out, half)
    load = {"attn_implementation": "eager", "dtype": torch.float32}
    processor = transformers.AutoImageProcessor.from_pretrained(source, backend="pil")
    facts: dict[str, float | int | str | None] = {"name": Path(source).name, "family": kind}
    if kind == "blip" and "BlipForConditionalGeneration" in architectures:
        model = transformers.BlipForConditionalGeneration.from_pretrained(source, **load).eval()
        export_captioner(model, exporter)
    elif kind == "blip":
        model = transformers.BlipForImageTextRetrieval.from_pretrained(source, **load).eval()
        export_retrieval(model, exporter)
        facts |= {"logitScale": 1.0, "embeddingDim": model.config.image_text_hidden_size, "outputsNormalized": True}
    elif kind == "blip-2":
        model = transformers.Blip2ForImageTextRetrieval.from_pretrained(source, **load).eval()
        export_queries(model, exporter)
        facts |= {"logitScale": 1.0, "embeddingDim": model.config.image_text_hidden_size, "outputsNormalized": True}
    elif kind == "siglip2":
        raise SystemExit(
            f"{source}: SigLIP 2 of variable picture sizes (NaFlex) takes patches, not pictures; "
            "choose one of a fixed size, such as google/siglip2-base-patch16-224"
        )
    elif kind in TOWERS:
        model = transformers.AutoModel.from_pretrained(source, **load).eval()
        export_towers(model, kind, processor, exporter)
        facts |= logit_facts(model, kind) | {"outputsNormalized": False}
    else:
        raise SystemExit(f"{source}: model_type {kind} is not exported here; known: blip, blip-2, {', '.join(sorted(TOWERS))}")
    model.config.save_pretrained(out)
    copy_files(source, out)
    if not (out / "preprocessor_config.json").exists():
        processor.save_pretrained(out)
    write_card(out, **facts)
    return exporter.report


# Tokenizer and preprocessing as they were published: writing them anew may change them between versions.
COPIED = (
    "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.model",
    "preprocessor_config.json", "generation_config.json",
)


def copy_files(source: str, out: Path) -> None:
    folder = Path(source)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        folder = Path(snapshot_download(source, allow_patterns=list(COPIED)))
    for pattern in COPIED:
        for file in sorted(folder.glob(pattern)):
            shutil.copy(file, out / file.name)
    if not any((out / name).exists() for name in ("tokenizer.json", "vocab.txt", "merges.txt")):
        import transformers

        # Only a SentencePiece model, or nothing: let transformers make the tokenizer.json.
        transformers.AutoTokenizer.from_pretrained(source).save_pretrained(out)
