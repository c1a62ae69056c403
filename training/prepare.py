"""Fetches the parts and computes, once, what the frozen image tower sees of every training picture.

python training/prepare.py [--views 3] [--small]
"""

from __future__ import annotations

import argparse

from diptych_mini import data, emoji, features, recipe
from train import CROPPED, IMAGE_SIZE, PHOTOS, SIZE, SMALL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, default=2, help="augmented views of the drawings; after the first, of emoji.TWICE only")
    parser.add_argument("--small", action="store_true", help="only what train.py --small needs")
    options = parser.parse_args()
    views, styles = (SMALL["views"], SMALL["styles"]) if options.small else (options.views, emoji.STYLES)
    recipe.class_vectors()
    data.concept_texts()
    features.cifar(SIZE, IMAGE_SIZE, SMALL["photos"] if options.small else PHOTOS, crop=False)
    features.cifar(SIZE, IMAGE_SIZE, SMALL["cropped"] if options.small else CROPPED, crop=True)
    features.clipart_views(SIZE, IMAGE_SIZE, 1)
    for turn in range(1, views + 1):
        for style in styles if turn == 1 else emoji.TWICE:
            features.emoji_views(style, SIZE, IMAGE_SIZE, turn)
    if not options.small:
        features.ordinary(SIZE, IMAGE_SIZE)
    else:
        features.emoji_test(SIZE, IMAGE_SIZE, False, SMALL["without"][0])


if __name__ == "__main__":
    main()
