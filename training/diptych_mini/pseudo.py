"""Labels that the model gives to unlabelled photos itself: CIFAR-10's training images, whose own labels are never read."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from . import recipe
from .texts import unit

ROUNDS, EPOCHS = 6, 12


def balanced(chances: np.ndarray, strength: float, turns: int) -> np.ndarray:
    """Rows still sum to one, columns drift towards equal sums: no word may swallow its neighbours."""
    result = chances.copy()
    for _ in range(turns):
        result /= (result.mean(axis=0, keepdims=True) * result.shape[1]) ** strength
        result /= result.sum(axis=1, keepdims=True)
    return result


def self_trained(features: np.ndarray, vectors: np.ndarray, texts: np.ndarray, scale: float, seed: int) -> np.ndarray:
    """float32 [n, words]: starts at the zero-shot answers, then a linear model is fitted to its own surest answers, again and again."""
    torch.manual_seed(seed)
    chances = balanced(recipe.softmax(vectors @ texts.T * scale), 1.0, 30)
    inputs = torch.tensor(unit(features - features.mean(axis=0)) * 30)
    words = chances.shape[1]
    for turn in range(ROUNDS):
        surest, label = chances.max(axis=1), chances.argmax(axis=1)
        kept = np.zeros(len(chances), bool)
        for word in range(words):
            rows = np.flatnonzero(label == word)
            kept[rows[np.argsort(-surest[rows])[: int(len(rows) * (0.4 + 0.1 * turn))]]] = True
        target = torch.tensor(chances[kept] ** 2)
        target /= target.sum(dim=1, keepdim=True)
        model = torch.nn.Linear(inputs.shape[1], words)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.05)
        chosen = inputs[torch.tensor(kept)]
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(chosen)).split(256):
                loss = F.cross_entropy(model(chosen[rows]), target[rows], label_smoothing=0.05)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        with torch.no_grad():
            chances = balanced(model(inputs).softmax(dim=1).numpy(), 0.5, 5)
    return chances.astype(np.float32)
