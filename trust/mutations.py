"""Hostile programs: mutants of the programs that the repository holds, and texts made from the grammar at random.

Program `number` of a seed is the same on every machine.
"""

import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import lark
from cnnc import grammar
from cnnc.compiler.ops import REGISTRY

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("examples", "grammar")
TOKEN = re.compile(rb"[A-Za-z_]\w*|\d[\w.]*|->|\*\*|//|[=!<>]=|\s+|.", re.DOTALL)
NUMBER = re.compile(rb"(?<![\w.])[\d.]+")

NUMBERS = (
    "0", "-1", "00", "1e999", "1e-999", "nan", "inf", "0.5", "3.5", ".", "1.", "1e", "1_000", "0x10", "1j", "٣", "²",
    "65536", "2147483648", "9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551616",
    "9" * 299, "9" * 301, "9" * 5000, "0." + "0" * 400 + "1", "10**18", "2**2**9", "9**9**9", "1//0", "3x3x3x3x3x3",
    "0x0", "3xH", "HxW", "3xHxW", "99999999999999999999x8", "true", "(3, 4)", "[1, 2]", "range(100000)",
)  # fmt: skip
LOOKALIKES = {
    "a": "а", "c": "с", "e": "е", "o": "ο", "p": "р", "x": "×", "i": "і", "-": "−", ">": "＞", "(": "（", ")": "）",
    ",": "，", "*": "∗", "=": "＝", " ": "\u00a0", '"': "”", "3": "３",
}  # fmt: skip
STRANGE = (
    "\x00", "\x07", "\x1b[31m", "\x7f", "\x9b31m", "\r", "\u2028", "\u200b", "\u202e", "\u2066", "\ufeff", "\ud7ff",
    "\U000e0041", "\U0001f600", "e\u0301", "\uffff",
)  # fmt: skip
BROKEN = (b"\xff", b"\xfe\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5", b"\x80", b"\xe2\x82")
AROUND = (
    ("(", ")"), ("[", "]"), ("{", "}"), ("relu(", ")"), ("-", ""), ("not ", ""), ("", "[0]"), ("", "()"), ("2**", ""),
    ("(1, ", ")"), ("1 if ", " else 2"), ("res(", ")"), ("[id, ", "]"), ("for i in (1,) {", "}"), ("", " as t"),
    ("relu -> ", ""), ("", " + id"), ("", " * 2"), ("split([", "])"), ("(id if true else ", ")"), ("", " == 1"),
)  # fmt: skip
DEPTHS = (1, 2, 9, 40, 150, 700, 1300)


@cache
def good() -> tuple[bytes, ...]:
    """The programs that compile: examples, zoo, prelude, templates, and those that the design gives."""
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.cnn"))
    design = (ROOT / "tests" / "test_design_programs.py").read_text(encoding="utf-8")
    texts = re.findall(r'"""\n(.*?)"""', design, re.DOTALL)
    return (*(path.read_bytes() for path in files), *(text.encode() for text in texts))


@cache
def corpus() -> tuple[bytes, ...]:
    """Every program of the repository, those that are wrong too."""
    return (*good(), *(path.read_bytes() for path in sorted((ROOT / "tests" / "errors").glob("*.cnn"))))


@cache
def words() -> tuple[bytes, ...]:
    """Every token that some program has."""
    return tuple(sorted({token for text in corpus() for token in TOKEN.findall(text)}))


# Mutations of bytes


def flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def delete(data: bytes, rng: random.Random) -> bytes:
    start, end = _stretch(data, rng)
    return data[:start] + data[end:]


def duplicate(data: bytes, rng: random.Random) -> bytes:
    start, end = _stretch(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 30)) + data[end:]


def splice(data: bytes, rng: random.Random) -> bytes:
    other = rng.choice(corpus())
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other) + 1) :]


def truncate(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] if rng.random() < 0.8 else data[at:]


def insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    strange = rng.choice(BROKEN) if rng.random() < 0.2 else rng.choice(STRANGE).encode()
    return data[:at] + strange * rng.choice((1, 1, 1, 300)) + data[at:]


def lookalike(data: bytes, rng: random.Random) -> bytes:
    places = [at for at, byte in enumerate(data) if chr(byte) in LOOKALIKES]
    if not places:
        return data
    at = rng.choice(places)
    return data[:at] + LOOKALIKES[chr(data[at])].encode() + data[at + 1 :]


def _stretch(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data))
    return start, min(len(data), start + rng.choice((1, 2, 5, 20, 100)))


# Mutations of tokens


def swap(data: bytes, rng: random.Random) -> bytes:
    tokens = TOKEN.findall(data)
    a, b = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    tokens[a], tokens[b] = tokens[b], tokens[a]
    return b"".join(tokens)


def drop(data: bytes, rng: random.Random) -> bytes:
    tokens = TOKEN.findall(data)
    del tokens[rng.randrange(len(tokens))]
    return b"".join(tokens)


def replace(data: bytes, rng: random.Random) -> bytes:
    tokens = TOKEN.findall(data)
    tokens[rng.randrange(len(tokens))] = rng.choice(words())
    return b"".join(tokens)


def exchange(data: bytes, rng: random.Random) -> bytes:
    """A name for another name, or a number for another number."""
    tokens = TOKEN.findall(data)
    at = rng.randrange(len(tokens))
    alike = [word for word in words() if word[:1].isalpha() == tokens[at][:1].isalpha() and word[:1].isalnum()]
    tokens[at] = rng.choice(alike) if tokens[at][:1].isalnum() else tokens[at]
    return b"".join(tokens)


def repeat(data: bytes, rng: random.Random) -> bytes:
    tokens = TOKEN.findall(data)
    at = rng.randrange(len(tokens))
    tokens[at] *= rng.choice((2, 3, 10, 2000))
    return b"".join(tokens)


def number(data: bytes, rng: random.Random) -> bytes:
    places = list(NUMBER.finditer(data))
    if not places:
        return data
    place = rng.choice(places)
    return data[: place.start()] + rng.choice(NUMBERS).encode() + data[place.end() :]


def nest(data: bytes, rng: random.Random) -> bytes:
    tokens = TOKEN.findall(data)
    at, depth = rng.randrange(len(tokens)), rng.choice(DEPTHS)
    before, after = rng.choice(AROUND)
    tokens[at] = before.encode() * depth + tokens[at] + after.encode() * depth
    return b"".join(tokens)


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip, delete, duplicate, splice, truncate, insert, lookalike, swap, drop, replace, repeat, nest,
    number, number, exchange, exchange,
)  # fmt: skip
"""Numbers and names twice: most of what a program means hangs on them."""


def mutant(seed: int, index: int) -> bytes:
    """A program after one to three mutations, mostly one: the more, the less of its meaning is reached."""
    rng = random.Random(f"{seed}/mutant/{index}")
    data = rng.choice(good() if rng.random() < 0.7 else corpus())
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if data:
            data = rng.choice(MUTATIONS)(data, rng)
    return data


# Texts from the grammar

NAMES = (
    *REGISTRY,
    "a",
    "b",
    "c",
    "t",
    "cin",
    "hin",
    "win",
    "res",
    "split",
    "range",
    "sum",
    "len",
    "se",
    "cbr",
    "basic",
)
SHAPES = ("3x8x8", "4x16x16", "8x32", "3xHxW", "2x4x4x4", "0x1", "99999999999x1")
OTHERS = {"CALL": "(", "INDEX": "[", "NEG": "-"}


@cache
def expansions() -> dict[str, list[list[tuple[bool, str]]]]:
    """The grammar's rules with repetition written out: for each name, sequences of (is a terminal, name)."""
    rules: dict[str, list[list[tuple[bool, str]]]] = {}
    for rule in grammar.build_tables().rules:
        parts = [(symbol.is_term, symbol.name) for symbol in rule.expansion]
        rules.setdefault(rule.origin.name, []).append(parts)
    return rules


@cache
def heights() -> dict[str, int]:
    """How many levels a name needs at least until only terminals are left."""
    found: dict[str, int] = {}
    while len(found) < len(expansions()):
        for name, choices in expansions().items():
            known = [_height(parts, found) for parts in choices if all(term or part in found for term, part in parts)]
            if known:
                found[name] = min(known)
    return found


def _height(parts: list[tuple[bool, str]], found: dict[str, int]) -> int:
    return 1 + max((0 if term else found[part] for term, part in parts), default=0)


@cache
def spellings() -> dict[str, str]:
    """Terminals that are spelled in one way only."""
    patterns = {terminal.name: terminal.pattern for terminal in grammar.build_tables().terminals}
    fixed = {name: pattern.value.removesuffix(r"\b") for name, pattern in patterns.items()}
    strings = {name: pattern.value for name, pattern in patterns.items() if isinstance(pattern, lark.lexer.PatternStr)}
    return fixed | strings | OTHERS


def from_grammar(seed: int, index: int) -> bytes:
    """A text that the grammar derives; names and numbers in it seldom fit."""
    rng = random.Random(f"{seed}/grammar/{index}")
    found: list[str] = []
    _derive("start", rng.randrange(10, 60), rng.randrange(10, 300), rng, found)
    return " ".join(found).encode()


def _derive(name: str, depth: int, length: int, rng: random.Random, found: list[str]) -> None:
    """Add what a name stands for; below `depth` levels, or after `length` words, in the shortest way."""
    choices = expansions()[name]
    if depth <= heights()[name] or len(found) > length:
        choices = [min(choices, key=lambda parts: _height(parts, heights()))]
    for terminal, part in rng.choice(choices):
        if terminal:
            found.append(_spelled(part, rng))
        else:
            _derive(part, depth - 1, length, rng, found)


def _spelled(terminal: str, rng: random.Random) -> str:
    match terminal:
        case "NAME":
            return rng.choice(NAMES) + rng.choice(("", "", "", "3", "3x3"))
        case "NUMBER":
            return rng.choice((str(rng.randrange(10)), str(rng.randrange(100)), rng.choice(NUMBERS[:12])))
        case "DIMS":
            return rng.choice(SHAPES)
        case "STRING":
            return rng.choice(('"blocks.cnn"', '""', '"../a"'))
        case _:
            return spellings()[terminal]
