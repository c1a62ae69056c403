"""What the graphs of BLIP and BLIP-2 have in common: image and text embeddings of unit length, and a matching head
that looks at the vision tower's states."""

from __future__ import annotations

import torch

from .graphs import Exporter

BATCH = {0: "batch_size"}
BOTH = {0: "batch_size", 1: "sequence_length"}


class Part(torch.nn.Module):
    """A part of a model, to be traced alone: its forward() calls the model's own modules."""

    def __init__(self, model):
        super().__init__()
        self.model = model


def unit(vectors: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1)


def image_tokens(vision) -> int:
    return (vision.image_size // vision.patch_size) ** 2 + 1


def token_inputs(batch: int, length: int, vocabulary: int) -> dict[str, torch.Tensor]:
    ids = torch.randint(0, vocabulary, (batch, length))
    mask = torch.ones_like(ids)
    mask[-1, length - 2 :] = 0
    return {"input_ids": ids, "attention_mask": mask}


def export_matcher(exporter: Exporter, vision, vocabulary: int, image: Part, text: Part, match: Part) -> None:
    """vision_model (embeddings and states), text_model, itm_model. `vision` is the vision tower's configuration."""
    size, tokens = vision.image_size, image_tokens(vision)

    def states(batch: int) -> dict[str, torch.Tensor]:
        return {"encoder_hidden_states": torch.randn(batch, tokens, vision.hidden_size)}

    exporter.add(
        "onnx/vision_model.onnx", image, {"pixel_values": torch.randn(2, 3, size, size)},
        ["image_embeds", "last_hidden_state"],
        {"pixel_values": BATCH, "image_embeds": BATCH, "last_hidden_state": BATCH},
        {"pixel_values": torch.randn(3, 3, size, size)},
    )
    axes = {"input_ids": BOTH, "attention_mask": BOTH}
    exporter.add(
        "onnx/text_model.onnx", text, token_inputs(2, 7, vocabulary), ["text_embeds"],
        {**axes, "text_embeds": BATCH}, token_inputs(3, 11, vocabulary),
    )
    exporter.add(
        "onnx/itm_model.onnx", match, {**token_inputs(2, 7, vocabulary), **states(2)}, ["itm_logits"],
        {**axes, "encoder_hidden_states": BATCH, "itm_logits": BATCH}, {**token_inputs(3, 11, vocabulary), **states(3)},
    )
