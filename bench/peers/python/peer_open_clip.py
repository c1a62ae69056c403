"""open_clip: its own ViT-B/32 in torch, with random weights."""

import numpy as np
import open_clip
import torch

from common import THREADS, Job

torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)


def versions() -> dict:
    return {"open_clip": open_clip.__version__, "torch": torch.__version__}


def encode(params: dict) -> Job:
    model = open_clip.create_model("ViT-B-32", pretrained=None).eval()
    pixels = torch.from_numpy(np.fromfile(params["data"], np.float32).reshape(params["shape"]))
    return Job(f"create_model('ViT-B-32').encode_image, {THREADS} thread(s)", lambda: model.encode_image(pixels))


JOBS = {"encode": encode}
