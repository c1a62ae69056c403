"""simplejpeg: libjpeg-turbo with next to nothing around it; decoding alone."""

import numpy as np
import simplejpeg

from common import Job, read


def versions() -> dict:
    return {"simplejpeg": simplejpeg.__version__}


def decode(params: dict) -> Job:
    images = [read(file) for file in params["files"]]
    buffers = []
    for image in images:
        height, width, _, _ = simplejpeg.decode_jpeg_header(image)
        buffers.append(np.empty((height, width, 3), np.uint8))

    def run() -> None:
        for image, buffer in zip(images, buffers):
            simplejpeg.decode_jpeg(image, "RGB", buffer=buffer)

    return Job("decode_jpeg, RGB, accurate DCT and fancy upsampling, into the same buffer", run)


JOBS = {"decode": decode}
