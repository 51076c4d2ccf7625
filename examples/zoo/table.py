"""Writes docs/zoo.md: every variant of the zoo with its length, parameters and multiply-adds beside the reference's.

Run by `make zoo`. The figures are computed on the spot; the references are those of the .toml files beside this one.
"""

import tomllib
from pathlib import Path
from typing import Any

import cnnc

ZOO = Path(__file__).parent
TARGET = ZOO.parent.parent / "docs" / "zoo.md"
TORCHVISION = "torchvision's published num_params and _ops"

HEAD = """# The zoo

Published classification networks as programs of a few lines, in [examples/zoo](../examples/zoo). Variants are made by
build parameters: `cnnc analyze examples/zoo/resnet.cnn -D depth=101 -D groups=32 -D width=8`. This page is written by
`make zoo`; `pytest -m zoo` compares every figure, and for torchvision's networks also every layer and, in each family,
the outputs with transplanted weights.
"""


def variants() -> list[dict[str, Any]]:
    """Every variant, in the order of the files that list them."""
    return [variant for name in ("torchvision", "classics") for variant in read(ZOO / f"{name}.toml")]


def read(path: Path) -> list[dict[str, Any]]:
    return list(tomllib.loads(path.read_text())["variant"])


def spec_lines(path: Path) -> int:
    """Lines that are neither blank nor remarks."""
    return sum(1 for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#"))


def row(variant: dict[str, Any]) -> str:
    net = cnnc.load(ZOO / variant["file"], params=variant["params"], input=variant.get("input"))
    settings = " ".join(f"-D {name}={setting(value)}" for name, value in variant["params"].items())
    if "reference_gmacs" in variant:
        macs, theirs = f"{net.macs / 1e9:.3f} G", f"{variant['reference_gmacs']:.3f} G"
    else:
        macs, theirs = f"{net.macs:,}", f"{variant['reference_macs']:,}"
    cells = (
        variant["name"], f"`{settings}`" if settings else "", variant.get("input", "the file's"), f"{net.params:,}",
        f"{variant['reference_params']:,}", macs, theirs, variant.get("source", TORCHVISION),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def setting(value: object) -> str:
    """A value as `-D` takes it."""
    if isinstance(value, list):
        return f"({','.join(map(setting, value))})"
    return str(value).lower() if isinstance(value, bool) else str(value)


def page() -> str:
    families: dict[str, list[dict[str, Any]]] = {}
    for variant in variants():
        families.setdefault(variant["file"], []).append(variant)
    parts = [HEAD]
    for file, members in families.items():
        parts.append(f"## [{file}](../examples/zoo/{file})\n\n{spec_lines(ZOO / file)} lines.\n")
        parts.append("| variant | settings | input | parameters | reference | multiply-adds | reference | source |")
        parts.append("|---|---|---|---:|---:|---:|---:|---|")
        parts += [*map(row, members), ""]
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(page())
    print(f"wrote {TARGET.relative_to(TARGET.parent.parent)}")
