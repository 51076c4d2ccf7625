"""`cnnc new`: a program to begin with."""

import argparse
import re
import shlex
from pathlib import Path

from ...grammar import TEMPLATES
from ..diagnostics import usage

HELP = "Write a program to begin with."
EXAMPLE = "cnnc new faces --template mobilenet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the network's name; it is written to NAME.cnn")
    parser.add_argument("--template", choices=TEMPLATES, default="classifier", help="default: classifier")


def run(args: argparse.Namespace) -> int:
    """Never writes over a file."""
    from ...grammar import template_text
    from ..writing import create_file

    path = Path(args.name if args.name.endswith(".cnn") else f"{args.name}.cnn")
    if not path.stem.strip(".") or args.name.endswith("/") or path.name == ".cnn":
        raise usage("E0503", path=args.name or "a file without a name", reason="give the network a name")
    text = re.sub(rf"(?m)^net {args.template}\b", f"net {net_name(path.stem)}", template_text(args.template), count=1)
    create_file(path, text.encode())
    word = shlex.quote(str(path))
    print(f"wrote {path}: see `cnnc analyze {word}`, `cnnc compile {word}`")
    return 0


def net_name(stem: str) -> str:
    """A file's name as one that the language takes: letters, digits and underscores, no word of the language."""
    from ..pipeline import parses

    name = re.sub(r"[^A-Za-z0-9_]", "_", stem)
    name = name if name[:1].isalpha() else f"net_{name}"
    return name if parses(f"net {name}\ninput 1 -> relu") else f"{name}_net"
