"""Views of a transparent drawing as people show it: any background, size, place, tint and sharpness."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter


def _background(random: np.random.Generator, side: int, photos: np.ndarray) -> np.ndarray:
    kind = random.random()
    if kind < 0.4:
        return np.full((side, side, 3), 255, np.uint8)
    if kind < 0.65:
        return np.zeros((side, side, 3), np.uint8)  # what is left of a transparent PNG whose alpha was dropped
    if kind < 0.85:
        return np.broadcast_to(random.integers(0, 256, 3, dtype=np.uint8), (side, side, 3))
    photo = Image.fromarray(photos[random.integers(len(photos))]).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(photo)


def _tint(random: np.random.Generator, image: Image.Image) -> Image.Image:
    if random.random() < 0.6:
        for enhance in (ImageEnhance.Color, ImageEnhance.Brightness, ImageEnhance.Contrast):
            image = enhance(image).enhance(float(random.uniform(0.7, 1.3)))
    if random.random() < 0.3:
        hue, saturation, value = image.convert("HSV").split()
        turn = int(random.integers(-14, 15))
        image = Image.merge("HSV", (hue.point(lambda v: (v + turn) % 256), saturation, value)).convert("RGB")
    return image


def view(random: np.random.Generator, drawing: np.ndarray, side: int, photos: np.ndarray) -> np.ndarray:
    """uint8 [side, side, 3] out of RGBA. Never mirrored: arrows, flags and letters would lie."""
    working = int(random.choice([64, 72, 96, 128, 144]))
    size = max(16, int(working * random.uniform(0.7, 1.0)))
    art = Image.fromarray(drawing).resize((size, size), Image.Resampling.LANCZOS)
    if random.random() < 0.5:
        art = art.rotate(float(random.uniform(-12, 12)), Image.Resampling.BICUBIC)
    canvas = Image.fromarray(np.ascontiguousarray(_background(random, working, photos)))
    room = working - size
    canvas.paste(art, (int(random.integers(0, room + 1)), int(random.integers(0, room + 1))), art)
    canvas = _tint(random, canvas)
    if random.random() < 0.2:
        canvas = canvas.filter(ImageFilter.GaussianBlur(float(random.uniform(0.3, 1.2))))
    return np.asarray(canvas.resize((side, side), Image.Resampling.BICUBIC))


def plain(drawing: np.ndarray, side: int) -> np.ndarray:
    """The drawing alone on white, no augmentation."""
    art = Image.fromarray(drawing)
    canvas = Image.new("RGB", art.size, (255, 255, 255))
    canvas.paste(art, (0, 0), art)
    return np.asarray(canvas.resize((side, side), Image.Resampling.BICUBIC))
