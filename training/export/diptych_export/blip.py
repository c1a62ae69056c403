"""BLIP and BLIP-2 of transformers: towers, matching head, captioner with a key/value cache."""

from __future__ import annotations

import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from .graphs import Exporter
from .retrieval import BATCH, BOTH, Part, export_matcher, image_tokens, unit


class BlipVision(Part):
    def forward(self, pixel_values):
        states = self.model.vision_model(pixel_values=pixel_values).last_hidden_state
        return unit(self.model.vision_proj(states[:, 0])), states


class BlipText(Part):
    def forward(self, input_ids, attention_mask):
        # is_decoder=False: the encoder looks both ways; without image states it makes ITC's vector.
        states = self.model.text_encoder(
            input_ids=input_ids, attention_mask=attention_mask, is_decoder=False
        ).last_hidden_state
        return unit(self.model.text_proj(states[:, 0]))


class BlipMatch(Part):
    def forward(self, input_ids, attention_mask, encoder_hidden_states):
        mask = torch.ones_like(encoder_hidden_states[..., 0], dtype=torch.long)
        states = self.model.text_encoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=mask,
            is_decoder=False,
        ).last_hidden_state
        return self.model.itm_head(states[:, 0])


def export_retrieval(model, exporter: Exporter) -> None:
    """BlipForImageTextRetrieval -> vision_model, text_model, itm_model."""
    config = model.config
    export_matcher(
        exporter, config.vision_config, config.text_config.vocab_size, BlipVision(model), BlipText(model), BlipMatch(model)
    )


class BlipCaptionVision(Part):
    def forward(self, pixel_values):
        return self.model.vision_model(pixel_values=pixel_values).last_hidden_state


class BlipDecoder(torch.nn.Module):
    """The decoder with its cache as plain tensors: per layer the keys and values of the text so far and of the
    image. Without a past, `states` gives the image; with one, the cached keys and values do."""

    def __init__(self, model, cached: bool):
        super().__init__()
        self.decoder = model.text_decoder
        self.layers = model.config.text_config.num_hidden_layers
        self.cached = cached

    def forward(self, input_ids, attention_mask, *rest):
        if self.cached:
            past, states = rest, None
            own, image = DynamicCache(), DynamicCache()
            for layer in range(self.layers):
                own.update(past[4 * layer], past[4 * layer + 1], layer)
                image.update(past[4 * layer + 2], past[4 * layer + 3], layer)
            cache = EncoderDecoderCache(own, image)
            # The values are not looked at, since the image's keys and values are cached: only the presence.
            states = past[2].transpose(1, 2).flatten(2)
        else:
            states = rest[0]
            cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        result = self.decoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            encoder_hidden_states=states,
            past_key_values=cache,
            use_cache=True,
            is_decoder=True,
        )
        made = result.past_key_values
        outputs = [result.logits]
        for layer in range(self.layers):
            own = made.self_attention_cache.layers[layer]
            outputs += [own.keys, own.values]
            if not self.cached:
                image = made.cross_attention_cache.layers[layer]
                outputs += [image.keys, image.values]
        return tuple(outputs)


def export_captioner(model, exporter: Exporter) -> None:
    """BlipForConditionalGeneration -> vision_model, text_decoder_model (first step) and
    text_decoder_with_past_model (the steps after it)."""
    vision, text = model.config.vision_config, model.config.text_config
    size, tokens = vision.image_size, image_tokens(vision)
    layers, heads = text.num_hidden_layers, text.num_attention_heads
    exporter.add(
        "onnx/vision_model.onnx", BlipCaptionVision(model), {"pixel_values": torch.randn(2, 3, size, size)},
        ["last_hidden_state"], {"pixel_values": BATCH, "last_hidden_state": BATCH},
        {"pixel_values": torch.randn(3, 3, size, size)},
    )

    def first(batch: int, length: int) -> dict[str, torch.Tensor]:
        ids = torch.randint(0, text.vocab_size, (batch, length))
        states = torch.randn(batch, tokens, vision.hidden_size)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "encoder_hidden_states": states}

    def later(batch: int, length: int) -> dict[str, torch.Tensor]:
        ids = torch.randint(0, text.vocab_size, (batch, 1))
        inputs = {"input_ids": ids, "attention_mask": torch.ones(batch, length + 1, dtype=torch.long)}
        for layer in range(layers):
            for part, count in (("decoder", length), ("encoder", tokens)):
                for kind in ("key", "value"):
                    shape = (batch, heads, count, text.hidden_size // heads)
                    inputs[f"past_key_values.{layer}.{part}.{kind}"] = torch.randn(shape)
        return inputs

    def presents(*parts: str) -> list[str]:
        kinds = ("key", "value")
        return [f"present.{layer}.{part}.{kind}" for layer in range(layers) for part in parts for kind in kinds]

    total = {0: "batch_size", 2: "total_sequence_length"}
    own = dict.fromkeys(presents("decoder"), total)
    exporter.add(
        "onnx/text_decoder_model.onnx", BlipDecoder(model, False), first(2, 5), ["logits", *presents("decoder", "encoder")],
        {
            "input_ids": BOTH, "attention_mask": BOTH, "encoder_hidden_states": BATCH, "logits": BOTH, **own,
            **dict.fromkeys(presents("encoder"), BATCH),
        },
        first(3, 8),
    )
    past = {
        name: {0: "batch_size", 2: "past_sequence_length"} if ".decoder." in name else BATCH
        for name in later(2, 5)
        if name.startswith("past")
    }
    exporter.add(
        "onnx/text_decoder_with_past_model.onnx", BlipDecoder(model, True), later(2, 5), ["logits", *presents("decoder")],
        {
            "input_ids": BATCH, "attention_mask": {0: "batch_size", 1: "total_sequence_length"}, "logits": BATCH,
            **past, **own,
        },
        later(3, 9),
    )
