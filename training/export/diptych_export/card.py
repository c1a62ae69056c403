"""diptych_card.json: what the ONNX files and the official configurations do not say."""

from __future__ import annotations

import json
from pathlib import Path


def write_card(out: Path, **facts) -> None:
    """Writes the facts that are known. `logitScale` is the factor itself (exp already taken)."""
    text = json.dumps({key: value for key, value in facts.items() if value is not None}, indent=2)
    (out / "diptych_card.json").write_text(text + "\n")
