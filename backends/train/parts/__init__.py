"""The parts of the training script, and how their holes are filled."""

import re
from importlib import resources

Holes = dict[str, str | list[str]]
"""What stands for `$NAME` in a part: text within a line, or whole lines."""

HOLE = re.compile(r"\$([A-Z_]+)")


def fill(text: str, values: Holes) -> str:
    """A part with its holes filled: `$NAME` within a line by text; alone on a line by lines, or by none."""
    lines: list[str] = []
    for line in text.rstrip("\n").split("\n"):
        name = line.strip()[1:]
        if line.strip().startswith("$") and name in values:
            value = values[name]
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + v if v else "" for v in ([value] if isinstance(value, str) else value)]
        else:
            lines.append(HOLE.sub(lambda match: str(values[match[1]]), line))
    return "\n".join(lines)


def part(name: str, values: Holes) -> str:
    """One part of the script."""
    text = resources.files(__package__).joinpath(f"{name}.py.in").read_text(encoding="utf-8")
    return fill(text, values)
