"""Writes src/text/unicode/tables.ts: what each official tokenizer takes for a letter, a mark, a control, ...

Every implementation carries its own version of Unicode. They are asked code point by code point, so that the ids do
not depend on the Unicode of the running Node.js. Needs regex, tokenizers and CPython 3.11 (Unicode 14); takes some
ten minutes:

    pip install regex==2026.11.15 tokenizers==0.23.3 && python scripts/unicode-tables.py
"""

import pathlib
import unicodedata

import regex
from tokenizers import Regex, normalizers, pre_tokenizers

OUT = pathlib.Path(__file__).parent.parent / "src" / "text" / "unicode" / "tables.ts"
POINTS = [point for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]
ALL = "".join(map(chr, POINTS))
# One letter per category, in the order of CODES in categories.ts.
CATEGORIES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cs".split()
CODES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    out = ""
    while number:
        number, digit = divmod(number, 36)
        out = DIGITS[digit] + out
    return out or "0"


def categories_of_regex() -> dict[int, str]:
    return {
        POINTS[match.start()]: name
        for name in CATEGORIES
        for match in regex.finditer(rf"\p{{{name}}}", ALL)
        if name != "Cs"
    }


def matches_of_onig(pattern: str) -> set[int]:
    split = pre_tokenizers.Split(Regex(f"{pattern}+"), "removed", invert=True)
    return {POINTS[at] for _, (start, end) in split.pre_tokenize_str(ALL) for at in range(start, end)}


def probe(keep) -> set[int]:
    return {point for point in POINTS if keep(chr(point))}


def measure() -> dict:
    """Everything that is asked of the installed packages."""
    clean = normalizers.BertNormalizer(True, False, False, False)
    strip = normalizers.BertNormalizer(False, False, True, False)
    bert = pre_tokenizers.BertPreTokenizer()
    words = pre_tokenizers.Whitespace()
    digits = pre_tokenizers.Digits(individual_digits=True)
    lower, nfd = normalizers.Lowercase().normalize_str, normalizers.NFD().normalize_str
    nfkd = normalizers.NFKD().normalize_str
    return {
        "regex": categories_of_regex(),
        "python": {point: unicodedata.category(chr(point)) for point in POINTS},
        "onig": {point: name for name in CATEGORIES if name != "Cs" for point in matches_of_onig(rf"\p{{{name}}}")},
        "onig_word": matches_of_onig(r"\w"),
        "rust_word": probe(lambda c: len(words.pre_tokenize_str(f"a{c}b")) == 1),
        "rust_numeric": probe(lambda c: len(digits.pre_tokenize_str(f"a{c}b")) == 3),
        "bert_dropped": probe(lambda c: clean.normalize_str(f"a{c}b") == "ab"),
        "bert_punctuation": probe(lambda c: len(bert.pre_tokenize_str(f"a{c}b")) == 3),
        "bert_marks": probe(lambda c: strip.normalize_str(f"a{c}b") == "ab"),
        "rust_marks": probe(lambda c: normalizers.StripAccents().normalize_str(c) == ""),
        "rust_lower": {p: low for p in POINTS if (low := lower(chr(p))) != chr(p)},
        "rust_decomposed": probe(lambda c: nfd(c) != c),
        "rust_compatible": probe(lambda c: nfkd(c) != c),
        # A character with a combining class changes places with one of 232 before it or of 10 after it.
        "rust_combining": probe(
            lambda c: nfd(f"a\u0315{c}") != f"a\u0315{nfd(c)}" or nfd(f"a{c}\u05b0") != f"a{nfd(c)}\u05b0"
        ),
    }


def runs(points) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for point in sorted(points):
        if out and out[-1][1] == point - 1:
            out[-1] = (out[-1][0], point)
        else:
            out.append((point, point))
    return out


def packed(points) -> str:
    """Gap to the run's start, and its length less one where it is not 0: "2k.p 4 1c.2"."""
    parts, last = [], 0
    for start, end in runs(points):
        parts.append(base36(start - last) + (f".{base36(end - start)}" if end > start else ""))
        last = end
    return " ".join(parts)


def packed_categories(table: dict[int, str]) -> str:
    """Length of each run (none: 1) and the letter of its category."""
    out, start, code = "", 0, ""
    for point in range(0x110001):
        here = "" if point == 0x110000 else CODES[CATEGORIES.index(table.get(point, "Cn"))]
        if here == code:
            continue
        if code:
            out += ("" if point - start == 1 else base36(point - start)) + code
        start, code = point, here
    return out


def packed_changes(table: dict[int, str], base: dict[int, str]) -> str:
    """The code points of another category than in the base, by category: "A2k.p 4;C1". """
    changed = {p: table.get(p, "Cn") for p in POINTS if table.get(p, "Cn") != base.get(p, "Cn")}
    groups = {name: [p for p in changed if changed[p] == name] for name in sorted(set(changed.values()))}
    return ";".join(CODES[CATEGORIES.index(name)] + packed(points) for name, points in groups.items())


def wrapped(text: str, width: int = 100) -> str:
    return " +\n".join(f"  '{text[at : at + width]}'" for at in range(0, len(text), width)) or "  ''"


def unstable(data: dict) -> tuple[set[int], set[int]]:
    """Code points that Unicode 14 decomposes or orders and the Rust crate leaves alone."""
    ours = {p for p in POINTS if unicodedata.decomposition(chr(p)) and not unicodedata.decomposition(chr(p)).startswith("<")}
    combining = {p for p in POINTS if unicodedata.combining(chr(p))}
    compatible = {p for p in POINTS if unicodedata.normalize("NFKD", chr(p)) != chr(p)}
    canonical = ours - data["rust_decomposed"] | combining - data["rust_combining"]
    # The second half of a pair that is composed since Unicode 13.
    seconds = {ord(unicodedata.normalize("NFD", chr(p))[-1]) for p in ours - data["rust_decomposed"]}
    return canonical | seconds, compatible - data["rust_compatible"] - canonical


def main() -> None:
    data = measure()
    base = data["regex"]
    canonical, compatible = unstable(data)
    newer = {p: low for p, low in data["rust_lower"].items() if data["python"][p] == "Cn"}
    assert all(len(low) == 1 for low in newer.values())
    lower = ";".join(f"{base36(p)} {base36(ord(low))}" for p, low in sorted(newer.items()))
    entries = [
        ("CATEGORIES", f"General categories of Python's regex {regex.__version__}.", packed_categories(base)),
        ("PYTHON", f"Python's unicodedata (Unicode {unicodedata.unidata_version}) against CATEGORIES.",
         packed_changes(data["python"], base)),
        ("ONIGURUMA", "Oniguruma, the regular expressions of Rust's tokenizers, against CATEGORIES.",
         packed_changes(data["onig"], base)),
        ("ONIGURUMA_WORD", r"Its \\w.", packed(data["onig_word"])),
        ("RUST_WORD", r"\\w of Rust's regex (the Whitespace pre-tokenizer), against ONIGURUMA_WORD.",
         packed(data["rust_word"] ^ data["onig_word"])),
        ("RUST_NUMERIC", "char::is_numeric (the Digits pre-tokenizer).", packed(data["rust_numeric"])),
        ("BERT_DROPPED", "What BertNormalizer takes out of a text.", packed(data["bert_dropped"])),
        ("BERT_PUNCTUATION", "What BertPreTokenizer splits off.", packed(data["bert_punctuation"])),
        ("BERT_MARKS", "What BertNormalizer strips as accents.", packed(data["bert_marks"])),
        ("RUST_MARKS", "What StripAccents takes out of a text, against BERT_MARKS.",
         packed(data["rust_marks"] ^ data["bert_marks"])),
        ("RUST_LOWER", "Small letters of capitals that came after Unicode 14.", lower),
        ("RUST_INERT", "What Unicode 14 decomposes, composes or orders and Rust's tokenizers do not.",
         packed(canonical)),
        ("RUST_INERT_COMPATIBLE", "The same for the compatibility forms alone.", packed(compatible)),
    ]
    text = "// Generated by scripts/unicode-tables.py: do not edit. The formats are told in ranges.ts and categories.ts.\n"
    for name, comment, body in entries:
        text += f"\n/** {comment} */\nexport const {name} =\n{wrapped(body)};\n"
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
