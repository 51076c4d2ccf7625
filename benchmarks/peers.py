"""Measures all tools, writes their figures to tests/data/peers.json and the comparison to docs/peers.md.

Run by `make peers`. With `--page` the page is written anew from the stored figures, for which no tool is needed.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from page import page

HERE = Path(__file__).resolve().parent
FIGURES = HERE.parent / "tests" / "data" / "peers.json"
TARGET = HERE.parent / "docs" / "peers.md"


def measured(tool: str) -> dict[str, Any]:
    """What one tool says, in a process of its own."""
    command = [sys.executable, str(HERE / "measure.py"), tool]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def measure() -> dict[str, Any]:
    """All figures: by kind of subject, subject and name of the figure."""
    from tools import TOOLS, versions

    figures: dict[str, Any] = {"versions": versions()}
    for tool in TOOLS:
        for kind, subjects in measured(tool).items():
            for name, found in subjects.items():
                merge(figures.setdefault(kind, {}).setdefault(name, {}), found, tool)
    return figures


def merge(into: dict[str, Any], found: dict[str, Any], tool: str) -> None:
    """Add a tool's figures, or the reason why there are none."""
    into.update({tool: found["error"]} if "error" in found else found)


def main() -> None:
    if "--page" not in sys.argv:
        FIGURES.parent.mkdir(exist_ok=True)
        FIGURES.write_text(json.dumps(measure(), indent=1, sort_keys=True) + "\n")
    TARGET.write_text(page(json.loads(FIGURES.read_text())))
    print(f"wrote {TARGET.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
