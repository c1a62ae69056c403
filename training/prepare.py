"""Fetches the parts and computes, once, what the frozen half of the image tower sees of every training picture.

python training/prepare.py [--views 1]
"""

from __future__ import annotations

import argparse

from diptych_mini import data, emoji, features, recipe
from train import IMAGE_SIZE, PHOTO_SPANS, SIZE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, default=1, help="augmented views of every emoji drawing")
    options = parser.parse_args()
    recipe.class_vectors()
    data.concept_texts()
    for start, count in PHOTO_SPANS:
        features.cifar("train", SIZE, IMAGE_SIZE, start, count)
    features.clipart_views(SIZE, IMAGE_SIZE, 1)
    for turn in range(1, options.views + 1):
        for style in emoji.STYLES:
            features.emoji_views(style, SIZE, IMAGE_SIZE, turn)
    features.emoji_test(SIZE, IMAGE_SIZE, black=False)


if __name__ == "__main__":
    main()
