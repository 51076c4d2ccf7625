"""`cnnc diff`: two networks' layers and costs side by side."""

import argparse
import json
from typing import Any

from ..diagnostics import usage
from .shared import (
    GIVE,
    Program,
    add_programs,
    add_settings,
    definitions_of,
    limits_of,
    programs_of,
    shapes_of,
    show_diagnostics,
)

HELP = "Print two networks' layers and costs side by side."
EXAMPLE = "cnnc diff resnet18.cnn resnet50.cnn --by block"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_programs(parser, "PROGRAM", "the two programs A and B, - for stdin; one file twice to compare build parameters")
    add_settings(parser)
    parser.add_argument(
        "--b-define", action="append", metavar="NAME=VALUE", help="value of a build parameter of B only"
    )
    parser.add_argument("--b-input", action="append", metavar="SHAPE", help="input shape of B only")
    parser.add_argument(
        "--by", choices=("layer", "block", "op"), default="layer", help="one line for each (default: layer)"
    )
    parser.add_argument("--format", choices=("table", "json", "md"), default="table", help="default: table")
    parser.add_argument("--convention", default="torchvision", metavar="NAME", help="whose way to count, as in analyze")
    parser.add_argument("--check", action="store_true", help="exit status 1 if the networks differ")


def run(args: argparse.Namespace) -> int:
    from ..difference_table import difference_table
    from ..formats import WRITERS

    programs = programs_of(args)
    if len(programs) != 2:
        raise usage("E0501", path="two networks", reason=f"{len(programs)} given", help=f"name two; {GIVE}")
    old = load_net(programs[0], args.input, args.define, args)
    new = load_net(programs[1], args.b_input or args.input, [*(args.define or ()), *(args.b_define or ())], args)
    found = old.diff(new, args.by, args.convention)
    if args.format == "json":
        print(json.dumps(found.to_dict(), indent=1))
    else:
        print(WRITERS[args.format](difference_table(found)), end="")
    return 1 if args.check and not found.equal else 0


def load_net(
    program: Program, shapes: list[str] | None, definitions: list[str] | None, args: argparse.Namespace
) -> Any:
    """One of the networks; its warnings go to stderr."""
    from ..net import compile, load

    own = argparse.Namespace(**{**vars(args), "input": shapes, "define": definitions})
    given, limits = (shapes_of(own), definitions_of(own)), limits_of(own)
    if program.text is not None:
        net = compile(program.text, *given, name=program.name, limits=limits)
    else:
        net = load(program.name, *given, limits=limits)
    show_diagnostics(net.warnings)
    return net
