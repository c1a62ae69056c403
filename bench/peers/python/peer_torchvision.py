"""torchvision: openai/CLIP's official transform over Pillow, and the tensor path (decode_jpeg, antialias)."""

import io

import torch
import torchvision
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

from common import THREADS, Job, read

torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)


def versions() -> dict:
    return {"torchvision": torchvision.__version__, "torch": torch.__version__}


def normalise(params: dict):
    return v2.Normalize(params["mean"], params["std"])


def official(params: dict) -> Job:
    images, size, out = [read(file) for file in params["files"]], params["size"], {}
    transform = v2.Compose(
        [
            v2.Resize(size, interpolation=v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(size),
            v2.Lambda(lambda picture: picture.convert("RGB")),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            normalise(params),
        ]
    )

    def run() -> None:
        out["batch"] = torch.stack([transform(Image.open(io.BytesIO(image))) for image in images])

    return Job("openai/CLIP's _transform over Pillow", run, lambda: out["batch"].numpy())


def preprocess(params: dict) -> Job:
    data = [torch.frombuffer(bytearray(read(file)), dtype=torch.uint8) for file in params["files"]]
    size, out = params["size"], {}
    transform = v2.Compose(
        [
            v2.Resize(size, interpolation=v2.InterpolationMode.BICUBIC, antialias=True),
            v2.CenterCrop(size),
            v2.ToDtype(torch.float32, scale=True),
            normalise(params),
        ]
    )

    def run() -> None:
        out["batch"] = torch.stack([transform(decode_jpeg(one, mode=ImageReadMode.RGB)) for one in data])

    return Job(f"decode_jpeg and v2 on tensors, antialias, {THREADS} thread(s)", run, lambda: out["batch"].numpy())


JOBS = {"preprocess": preprocess, "official": official}
