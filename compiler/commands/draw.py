"""`cnnc draw`: draw the network as SVG, Mermaid or DOT."""

import argparse
import sys
from pathlib import Path

from ..diagnostics import usage
from .shared import add_force, add_network, read_net, refuse_idle_force, write_result

HELP = "Draw the network as SVG, Mermaid or DOT."
EXAMPLE = "cnnc draw googlenet.cnn -o googlenet.svg --depth 1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument(
        "--to", metavar="FORM", help="svg, mermaid or dot; otherwise the ending of -o decides, else svg"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="file to write, - for stdout (default: the program's name)"
    )
    add_force(parser)
    parser.add_argument(
        "--depth", type=whole, metavar="N", help="open so many levels of blocks, 0 for none (default: all)"
    )
    parser.add_argument(
        "--full", action="store_true", help="a box of their own for normalisations, activations and dropout"
    )


def run(args: argparse.Namespace) -> int:
    form, out = choose_form(args)
    net = read_net(args)
    data = net.draw(form, args.depth, compact=not args.full).encode()
    if out == "-":
        sys.stdout.buffer.write(data)
        return 0
    write_result(out, data, net)
    print(f"wrote {out}: {net.name}")
    return 0


def choose_form(args: argparse.Namespace) -> tuple[str, str]:
    """The form and the output path: from --to, from the ending of -o, else SVG."""
    from ..drawing import ENDINGS
    from ..ours import keep_others
    from ..writing import keep_sources

    form, out = args.to, args.output
    if form is None:
        ending = Path(out).suffix if out not in (None, "-") else ".svg"
        form = next((name for name, suffix in ENDINGS.items() if suffix == ending), None)
        if form is None:
            raise usage("E0504", name=ending or out, known=", ".join(f"{n} ({s})" for n, s in ENDINGS.items()))
    if form not in ENDINGS:
        raise usage("E0504", name=form, known=", ".join(ENDINGS))
    if out is None:
        stem = "net" if args.text is not None or args.file == "-" else Path(args.file or "net").stem
        out = f"{stem}{ENDINGS[form]}"
    refuse_idle_force(args, out)
    keep_sources(out, program=args.file)
    keep_others(out, args.force)
    return form, out


def whole(text: str) -> int:
    """A depth from the command line."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError("a whole number of at least 0 is needed")
    return int(text)
