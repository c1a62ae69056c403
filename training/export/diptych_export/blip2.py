"""BLIP-2's Q-Former of transformers: 32 query vectors per image, the text tower, the matching head.

The image states get no attention mask, which would be all ones: transformers 5.23 makes it for queries and text
together, though only the queries look at the image, and eager attention fails on that.
"""

from __future__ import annotations

import torch

from .graphs import Exporter
from .retrieval import Part, export_matcher, unit


class Queries(Part):
    """Pictures -> the queries' vectors at unit length [batch, queries, dim], and the vision tower's states."""

    def forward(self, pixel_values):
        model = self.model
        states = model.vision_model(pixel_values=pixel_values).last_hidden_state
        made = model.qformer(
            query_embeds=model.query_tokens.expand(states.shape[0], -1, -1),
            encoder_hidden_states=states,
        )
        return unit(model.vision_projection(made.last_hidden_state)), states


class QueryText(Part):
    def forward(self, input_ids, attention_mask):
        model = self.model
        made = model.qformer(
            query_embeds=model.embeddings(input_ids=input_ids), query_length=0, attention_mask=attention_mask
        )
        return unit(model.text_projection(made.last_hidden_state[:, 0]))


class QueryMatch(Part):
    """Texts and image states -> logits [batch, 2]: the mean of what the head says of each query."""

    def forward(self, input_ids, attention_mask, encoder_hidden_states):
        model = self.model
        queries = model.query_tokens.expand(encoder_hidden_states.shape[0], -1, -1)
        seen = torch.ones_like(queries[..., 0], dtype=torch.long)
        made = model.qformer(
            query_embeds=model.embeddings(input_ids=input_ids, query_embeds=queries),
            query_length=queries.shape[1],
            attention_mask=torch.cat([seen, attention_mask], dim=1),
            encoder_hidden_states=encoder_hidden_states,
        )
        return model.itm_head(made.last_hidden_state[:, : queries.shape[1]]).mean(dim=1)


def export_queries(model, exporter: Exporter) -> None:
    """Blip2ForImageTextRetrieval -> vision_model, text_model, itm_model. Ids do not carry the <image> tokens that
    newer processors put before a text."""
    vision, vocabulary = model.config.vision_config, model.config.qformer_config.vocab_size
    export_matcher(exporter, vision, vocabulary, Queries(model), QueryText(model), QueryMatch(model))
