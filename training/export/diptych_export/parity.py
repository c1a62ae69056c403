"""The check at the end of an export: every graph in ONNX Runtime against the module that it was traced from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch

TOLERANCE = 1e-4
HALF_COSINE = 0.999


def run_graph(file: Path, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    wanted = {value.name for value in session.get_inputs()}
    return session.run(None, {name: array for name, array in inputs.items() if name in wanted})


def compare(file: Path, module: torch.nn.Module, inputs: dict[str, torch.Tensor], report: dict[str, float]) -> None:
    """Runs both on inputs of another batch size and length than those traced; raises where they differ."""
    with torch.no_grad():
        expected = module(*inputs.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    actual = run_graph(file, {name: tensor.numpy() for name, tensor in inputs.items()})
    worst = max(float(np.abs(a - e.numpy()).max()) for a, e in zip(actual, expected, strict=True))
    scale = max(1.0, *(float(e.abs().max()) for e in expected))
    report[f"{file.parent.name}/{file.name}"] = worst
    if not worst <= TOLERANCE * scale:
        raise SystemExit(f"{file}: differs from PyTorch by {worst:.2e} (allowed: {TOLERANCE * scale:.0e})")


def compare_half(full: Path, half: Path, inputs: dict[str, torch.Tensor], report: dict[str, float]) -> None:
    """float16 weights against float32 ones: cosine of the first output's rows."""
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    a, b = (run_graph(file, arrays)[0].reshape(len(next(iter(arrays.values()))), -1) for file in (full, half))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = float(((a * b).sum(axis=1) / norms).min())
    report[f"{half.parent.name}/{half.name}"] = cosine
    if not cosine >= HALF_COSINE:
        raise SystemExit(f"{half}: cosine {cosine:.5f} to the float32 graph (at least {HALF_COSINE} is expected)")
