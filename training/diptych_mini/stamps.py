"""Photographic cut-outs of everyday things from Debian's tuxpaint-stamps-default: looked at only to measure, never to train.

Fetched with `apt-get download`; the files stay in training/cache.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from .images import resize_and_crop, to_tensor
from .sources import CACHE

PACKAGE = "tuxpaint-stamps-default"
# thirty words, fixed before the first measurement; every file is the photo of one thing
STAMPS = {
    "dog": "mammals/dogs/dog mammals/dogs/dingo", "horse": "mammals/equines/horse", "cow": "mammals/bovines/cow mammals/bovines/cow_white",
    "sheep": "mammals/bovines/sheep mammals/bovines/sheep_lamb mammals/bovines/ram", "pig": "mammals/pig mammals/pig_golden mammals/pig_golden2",
    "rabbit": "mammals/rodents/rabbit mammals/rodents/rabbit-2 mammals/rabbit_little", "mouse": "mammals/rodents/mouse",
    "elephant": "mammals/elephant", "lion": "mammals/cats/lion mammals/cats/lion-2", "tiger": "mammals/cats/tiger mammals/cats/tiger_sumatran",
    "bear": "mammals/bears/bear mammals/bears/european-bear", "deer": "mammals/deer/deer mammals/deer/doe mammals/deer/wapiti",
    "bird": "birds/blackbird birds/crow birds/pigeon birds/seagull birds/lark birds/magpie birds/cuckoo birds/rainbow-lorikeet birds/adelaide-rosella",
    "duck": "birds/duck birds/drake", "penguin": "birds/penguin birds/little-penguin birds/magellanic_penguin",
    "fish": "fish/stripedfish fish/coraltrout fish/moonwrasse fish/butterflyfish fish/clownfish fish/bluegroper fish/dolphinfish",
    "frog": "amphibians/frog amphibians/frog-1", "bee": "insects/bee",
    "flower": " ".join(f"flowers/{n}" for n in "rose daffodil marigold iris flower1 flower2 flower3 flower4 flower5 flower6 flower7 flower8 flower9 "
                       "flower10 yellow-flower red-gazania whitestar-petunia anemone_red pigface".split()),
    "tree": "trees/tree336 trees/birch trees/holm_oak trees/liberia-palm", "mushroom": "vegetables/mushroom mushrooms/cep mushrooms/cep-1 mushrooms/cep-2",
    "apple": "fruit/apple_green fruit/apple_granny_smith fruit/apple_red fruit/apple_fuji fruit/apple_sierra_beauty", "banana": "fruit/banana",
    "strawberry": "fruit/strawberry fruit/Strawberry2", "carrot": "vegetables/carrot",
    "guitar": "string/guitar_electric string/guitar_electric_bass string/guitar_classical string/guitar2", "hammer": "tools/hammer tools/mallet_metal",
    "scissors": "arttools/scissors_small_closed arttools/scissors_small_open", "camera": "hobbies/camera_35mm",
    "ball": "sports/basketball sports/soccer sports/tennis_ball sports/cricketball",
}


def folder() -> Path:
    target = CACHE / "debian" / PACKAGE
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", PACKAGE], cwd=target.parent, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["dpkg-deb", "-x", str(next(target.parent.glob(f"{PACKAGE}_*.deb"))), str(target)], check=True)
    return target / "usr" / "share" / "tuxpaint" / "stamps"


def load(size: int) -> tuple[np.ndarray, list[str]]:
    """Pixel tensors on white, and the word of each."""
    root, pixels, words = folder(), [], []
    files = {str(path.relative_to(root).with_suffix("")): path for path in root.rglob("*.png")}
    for word, names in STAMPS.items():
        for name in names.split():
            path = next(path for key, path in sorted(files.items()) if key == name or key.endswith("/" + name))
            picture = Image.open(path).convert("RGBA")
            canvas = Image.new("RGB", (max(picture.size),) * 2, (255, 255, 255))
            canvas.paste(picture, ((canvas.width - picture.width) // 2, (canvas.height - picture.height) // 2), picture)
            pixels.append(resize_and_crop(canvas, size))
            words.append(word)
    return to_tensor(np.stack(pixels)), words
