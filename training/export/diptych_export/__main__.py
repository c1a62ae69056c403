"""python -m diptych_export SOURCE OUT: a checkpoint of open_clip or transformers as a folder that Diptych opens."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def main() -> None:
    parser = argparse.ArgumentParser(prog="diptych_export", description=__doc__)
    parser.add_argument(
        "source",
        help="open_clip:ARCHITECTURE/TAG, open_clip:hf-hub:OWNER/NAME, open_clip:local-dir:PATH, "
        "or a folder or hub id that transformers loads",
    )
    parser.add_argument("out", type=Path, help="folder to write; must be empty or new")
    parser.add_argument("--fp16", action="store_true", help="also write graphs with float16 weights")
    options = parser.parse_args()
    if options.out.exists() and any(options.out.iterdir()):
        raise SystemExit(f"{options.out} is not empty")
    torch.manual_seed(0)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.source.startswith("open_clip:"):
        from .open_clip_models import export_open_clip

        name = options.source.removeprefix("open_clip:")
        tag = None
        if not name.startswith(("hf-hub:", "local-dir:")):
            name, _, tag = name.partition("/")
        report = export_open_clip(name, tag or None, options.out, options.fp16)
    else:
        from .transformers_models import export_transformers

        report = export_transformers(options.source, options.out, options.fp16)
    for file, value in report.items():
        what = "cosine to float32" if file.endswith("_fp16.onnx") else "largest difference from PyTorch"
        print(f"{file}: {what} {value:.2e}" if "difference" in what else f"{file}: {what} {value:.6f}")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
