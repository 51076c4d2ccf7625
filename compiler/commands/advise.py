"""`cnnc advise`: rewrites of a program that save parameters, operations or memory."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ..diagnostics import usage
from .shared import (
    add_force,
    add_network,
    definitions_of,
    limits_of,
    network_source,
    refuse_idle,
    refuse_idle_force,
    shapes_of,
    show_diagnostics,
)

if TYPE_CHECKING:
    from ..advice.advise import Advised
    from ..advice.carry import Checked

HELP = "Print cheaper rewrites of a program with what each saves, or apply one."
EXAMPLE = "cnnc advise vgg16.cnn --apply 1 -o smaller.cnn"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument("--apply", metavar="N", help="write the program rewritten by advice N instead")
    parser.add_argument("-o", "--output", metavar="OUT", help="with --apply: file to write (default: stdout)")
    add_force(parser)
    parser.add_argument("--exact", action="store_true", help="only what keeps the function exactly")
    parser.add_argument(
        "--verify", action="store_true", help="run what keeps the function with the same weights in float64"
    )
    parser.add_argument("--format", choices=("text", "json"), help="default: text")


def run(args: argparse.Namespace) -> int:
    from ..advice.show import advice_text
    from ..ours import keep_others

    if args.apply is not None:
        refuse_idle(args, ("format", "verify", "exact"), "--apply")
    refuse_idle_force(args, args.output)
    keep_others(args.output, args.force)
    found = read_advice(args)
    if args.apply is not None or args.output is not None:
        return write_rewritten(args, found)
    numbers = [i + 1 for i, one in enumerate(found.advice) if one.proposal.exact or not args.exact]
    checked = check_exact(found, numbers) if args.verify else {}
    if args.format == "json":
        print(json.dumps(report(found, numbers, checked), indent=1))
    else:
        print(advice_text(found, numbers, checked), end="")
    return 0 if all(one.ok for one in checked.values()) else 1


def read_advice(args: argparse.Namespace) -> "Advised":
    """Advice on the program that the arguments name; its warnings go to stderr."""
    from ..advice.advise import advise

    found, warnings = advise(network_source(args), shapes_of(args), definitions_of(args), limits_of(args))
    show_diagnostics(warnings)
    return found


def write_rewritten(args: argparse.Namespace, found: "Advised") -> int:
    """The program as one piece of advice rewrites it."""
    from ..writing import write_file

    number, most = args.apply or "", len(found.advice)
    if not (number.isascii() and number.isdigit() and len(number) < 6 and 1 <= int(number) <= most):
        numbers = f"numbers go from 1 to {most}" if most else "there is none for this program"
        raise usage("E0572", number=number or "no number", numbers=numbers)
    one = found.advice[int(number) - 1]
    if args.output in (None, "-"):
        sys.stdout.flush()
        sys.stdout.buffer.write(one.text.encode())
        return 0
    write_file(args.output, one.text.encode())
    print(f"wrote {args.output}: {one.proposal.title}")
    return 0


def check_exact(found: "Advised", numbers: list[int]) -> "dict[int, Checked]":
    """What running the rewrites that keep the function shows."""
    from ..advice.carry import check

    return {n: check(found.graph, found.advice[n - 1]) for n in numbers if found.advice[n - 1].proposal.exact}


def report(found: "Advised", numbers: list[int], checked: "dict[int, Checked]") -> object:
    """All of it as plain data."""
    data = found.to_dict()
    data["advice"] = [one for one in data["advice"] if one["number"] in numbers]
    for one in data["advice"]:
        if one["number"] in checked:
            result = checked[one["number"]]
            one["verified"] = {"ok": result.ok, "differences": result.differences}
    return data
