"""Emoji art of several vendors and its names. Twemoji is the style that is kept for the test and never trained on."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image

from .sources import CACHE, npm_package

SIDE = 144
SVG_STYLES = ["noto-v1", "fluent-flat", "fxemoji", "emojione", "streamline"]
FLAG_STYLES = ["flag", "circle-flags", "flagpack", "cif"]
FILE_STYLES = {"google": "img/google/64", "fluent-3d": "assets", "twemoji": "img/twitter/64"}
HELD_OUT = "twemoji"
STYLES = ["google", "fluent-3d", "noto-v1", "emojione", "fluent-flat", "fxemoji", "streamline", *FLAG_STYLES]
TWICE = ["google", "noto-v1", "emojione", "fluent-flat", "flag"]  # styles that are seen in more than one view


@dataclass(frozen=True)
class Emoji:
    code: str  # lower-case hex without the variation selector, joined by "-"
    name: str  # CLDR's short name: what retrieval is measured on
    official: str  # Unicode's name in lower case
    others: tuple[str, ...]  # Unicode's and vendors' names
    keywords: tuple[str, ...]
    person: bool  # shows one or more people
    group: str  # emoji of a group look alike


def plain_code(code: str) -> str:
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("’", "")).strip("-")


@lru_cache(maxsize=1)
def catalogue() -> tuple[Emoji, ...]:
    """The 1,911 emoji of emoji-datasource (no skin tones), with the names that CLDR gives them."""
    words: dict[str, dict] = {}
    for key, folder, top in (("cldr", "annotations", "annotations"), ("cldr-derived", "annotationsDerived", "annotationsDerived")):
        table = json.loads((npm_package(key) / folder / "en" / "annotations.json").read_text("utf-8"))[top]["annotations"]
        words.update({plain_code("-".join(f"{ord(c):x}" for c in glyph)): entry for glyph, entry in table.items()})
    found = []
    for entry in json.loads((npm_package("emoji-list") / "emoji.json").read_text("utf-8")):
        code = plain_code(entry["unified"])
        notes = words.get(code, {})
        official = (entry["name"] or entry["short_name"]).lower()
        name = notes.get("tts", [official])[0]
        shorts = [short.replace("_", " ").replace("-", " ") for short in entry["short_names"]]
        others = tuple(dict.fromkeys(other for other in [official, *shorts] if other != name))
        found.append(Emoji(code, name, official, others, tuple(notes.get("default", [])),
                           entry["category"] == "People & Body" and entry["subcategory"].startswith(("person", "family")), entry["subcategory"]))
    return tuple(found)


def _codes_by_slug() -> dict[str, str]:
    table: dict[str, str] = {}
    for style in ("noto", "fluent-flat"):
        chars = json.loads((npm_package(style) / "chars.json").read_text())
        for code, icon in chars.items():
            table.setdefault(icon, plain_code(code))
    for emoji in catalogue():
        for name in (emoji.name, *emoji.others):
            table.setdefault(slug(name), emoji.code)
            table.setdefault(slug(name).replace("-", ""), emoji.code)
            if name.startswith("flag: "):
                table.setdefault(slug("flag for " + name[6:]), emoji.code)
    return table


def _codes_of_flags() -> dict[str, str]:
    """Country codes, as flag sets name their files -> the pair of regional indicators."""
    pairs = {}
    for emoji in catalogue():
        parts = [int(part, 16) - 0x1F1E6 for part in emoji.code.split("-") if re.fullmatch(r"[0-9a-f]+", part)]
        if len(parts) == 2 and all(0 <= part < 26 for part in parts):
            country = "".join(chr(97 + part) for part in parts)
            pairs.update({country: emoji.code, f"{country}-4x3": emoji.code})
    return pairs


def squared(picture: Image.Image, side: int) -> Image.Image:
    scale = side / max(picture.size)
    picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (side, side))
    canvas.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return canvas


def _svg(style: str) -> dict[str, Image.Image]:
    import resvg_py

    icons = json.loads((npm_package(style) / "icons.json").read_text("utf-8"))
    wanted, drawn = {emoji.code for emoji in catalogue()}, {}
    slugs = _codes_of_flags() if style in FLAG_STYLES else _codes_by_slug()
    for name, icon in icons["icons"].items():
        plain = re.sub(r"-[12]$", "", name) if style == "streamline" else name
        code = slugs.get(plain) or slugs.get(plain.replace("-", ""))
        if code not in wanted or code in drawn or icon.get("hidden"):
            continue
        width = icon.get("width", icons.get("width", 16))
        height = icon.get("height", icons.get("height", 16))
        text = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
        try:
            picture = resvg_py.svg_to_bytes(svg_string=text, width=SIDE, skip_system_fonts=True)
        except Exception as error:  # a drawing that the renderer refuses costs only itself
            print(f"{style}/{name}: {error}", file=sys.stderr)
            continue
        drawn[code] = squared(Image.open(BytesIO(bytes(picture))).convert("RGBA"), SIDE)
    return drawn


def _files(style: str) -> dict[str, Image.Image]:
    wanted = {emoji.code for emoji in catalogue()}
    folder = npm_package(style) / FILE_STYLES[style]
    pictures = {plain_code(path.stem): path for path in sorted(folder.iterdir()) if path.suffix in (".png", ".webp")}
    side = 64 if style == HELD_OUT else SIDE
    return {code: squared(Image.open(path).convert("RGBA"), side)
            for code, path in pictures.items() if code in wanted}


def art(style: str) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [n, side, side, 4] and, per picture, its place in the catalogue."""
    done = CACHE / "emoji" / f"{style}.npz"
    if not done.exists():
        drawn = _files(style) if style in FILE_STYLES else _svg(style)
        place = {emoji.code: i for i, emoji in enumerate(catalogue())}
        codes = sorted(drawn, key=place.__getitem__)
        done.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(done, pictures=np.stack([np.asarray(drawn[code]) for code in codes]),
                            places=np.array([place[code] for code in codes]))
    stored = np.load(done)
    return stored["pictures"], stored["places"]


def places(style: str) -> np.ndarray:
    """Per picture of a style its place in the catalogue, without opening the pictures."""
    done = CACHE / "emoji" / f"{style}.npz"
    return np.load(done)["places"] if done.exists() else art(style)[1]


def on_white(pictures: np.ndarray) -> np.ndarray:
    alpha = pictures[..., 3:].astype(np.float32) / 255
    return np.round(pictures[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
