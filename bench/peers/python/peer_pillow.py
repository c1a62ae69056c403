"""Pillow: decode alone, resize alone, and openai/CLIP's official transform (torchvision over Pillow)."""

import io

import numpy as np
import PIL
from PIL import Image, features

from common import Job, read


def versions() -> dict:
    return {"pillow": PIL.__version__, "libjpeg-turbo": features.version("libjpeg_turbo") or "unknown"}


def decode(params: dict) -> Job:
    images = [read(file) for file in params["files"]]

    def run() -> None:
        for image in images:
            Image.open(io.BytesIO(image)).convert("RGB")

    return Job("Image.open(...).convert('RGB')", run)


def preprocess(params: dict) -> Job:
    images, size = [read(file) for file in params["files"]], params["size"]
    mean = np.array(params["mean"], np.float32)
    std = np.array(params["std"], np.float32)
    out = np.empty((len(images), 3, size, size), np.float32)

    def run() -> None:
        for at, image in enumerate(images):
            picture = Image.open(io.BytesIO(image)).convert("RGB")
            width, height = picture.size
            short = min(width, height)
            new = (int(size * width / short), int(size * height / short))
            picture = picture.resize(new, Image.Resampling.BICUBIC)
            left, top = (new[0] - size) // 2, (new[1] - size) // 2
            picture = picture.crop((left, top, left + size, top + size))
            pixels = np.asarray(picture, np.float32) * np.float32(1 / 255)
            out[at] = ((pixels - mean) / std).transpose(2, 0, 1)

    return Job("convert('RGB'), resize bicubic, crop, numpy floats", run, lambda: out)


def resize(params: dict) -> Job:
    picture = Image.frombytes("RGB", (params["width"], params["height"]), read(params["pixels"]))
    target, out = (params["toWidth"], params["toHeight"]), {}

    def run() -> None:
        out["picture"] = picture.resize(target, Image.Resampling.BICUBIC)

    return Job("Image.resize, bicubic", run, lambda: np.asarray(out["picture"]))


JOBS = {"decode": decode, "preprocess": preprocess, "resize": resize}
