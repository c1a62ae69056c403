#!/usr/bin/env bash
# Makes bench/peers/python/.venv with the pinned Python peers (about 4 GB: torch brings its CUDA libraries).
#   bash bench/peers/python/setup.sh [python3.11 or newer]
set -euo pipefail
cd "$(dirname "$0")"
"${1:-python3}" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
.venv/bin/python -m pip list --format freeze | grep -iE '^(faiss|numpy|onnx|open_clip|pillow|simplejpeg|torch|transformers)'
