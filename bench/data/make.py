"""Makes the photos of this folder from scikit-image 0.26.0's data (CC0 and public domain); Pillow 13.0.0.

    python make.py FOLDER_OF_SKIMAGE_DATA

The 12-megapixel photo and the PNG are made from these at run time (src/bench/data.ts): they would not fit.
"""

import sys
from pathlib import Path

from PIL import Image

SOURCES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
SIZES = ((500, 375), (640, 480))


def crop(image: Image.Image, ratio: float) -> Image.Image:
    """The largest centred piece of the wanted shape."""
    width, height = image.size
    wide, high = min(width, round(height * ratio)), min(height, round(width / ratio))
    left, top = (width - wide) // 2, (height - high) // 2
    return image.crop((left, top, left + wide, top + high))


def main() -> None:
    here, data = Path(__file__).parent, Path(sys.argv[1])
    for source in SOURCES:
        photo = Image.open(data / source).convert("RGB")
        for width, height in SIZES:
            sized = crop(photo, width / height).resize((width, height), Image.Resampling.LANCZOS)
            name = f"{Path(source).stem}-{width}x{height}"
            sized.save(here / f"{name}.jpg", quality=90, subsampling="4:2:0")
            if source == "coffee.png" and width == 640:
                sized.save(here / f"{name}-progressive.jpg", quality=90, subsampling="4:2:0", progressive=True)
                sized.save(here / f"{name}-444.jpg", quality=90, subsampling="4:4:4")
                sized.convert("L").save(here / f"{name}-gray.jpg", quality=90)
                sized.save(here / f"{name}.webp", quality=85)


main()
