"""Figures of merit for scores against truth."""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def calibration_error(chances: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: |accuracy - confidence| over equal-width confidence bins, weighted by their share."""
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(sum(abs(right[place == b].mean() - confidence[place == b].mean()) * (place == b).mean()
                     for b in range(bins) if (place == b).any()))


def zero_shot(logits: np.ndarray, truth: np.ndarray) -> dict:
    order = (-logits).argsort(axis=1)
    right = order[:, 0] == truth
    recalls = [float(right[truth == label].mean()) for label in np.unique(truth)]
    return {"top1": round(float(right.mean()), 4), "top5": round(float((order[:, :5] == truth[:, None]).any(axis=1).mean()), 4),
            "mean_recall": round(float(np.mean(recalls)), 4), "ece": round(calibration_error(softmax(logits), truth), 4),
            "mean_confidence": round(float(softmax(logits).max(axis=1).mean()), 4), "recalls": [round(r, 3) for r in recalls]}


def retrieval(scores: np.ndarray, truth: np.ndarray) -> dict:
    """Rows are pictures, columns names; `truth`: the column of each row. Recall both ways."""
    own = scores[np.arange(len(truth)), truth]
    forth = (scores > own[:, None]).sum(axis=1)
    back = (scores[:, truth] > own[None]).sum(axis=0)
    return {f"{way}_r{k}": round(float((ranks < k).mean()), 4) for way, ranks in (("name", forth), ("picture", back)) for k in (1, 5, 10)}


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share that holds its true value 95 times in 100."""
    share, spread = right / total, z * z / total
    middle, half = (share + spread / 2) / (1 + spread), z * (share * (1 - share) / total + spread / (4 * total)) ** 0.5 / (1 + spread)
    return middle - half, middle + half


def share(right: list[bool]) -> dict:
    low, high = wilson(sum(right), len(right))
    return {"right": sum(right), "pictures": len(right), "top1": round(sum(right) / len(right), 3), "interval": [round(low, 3), round(high, 3)]}
