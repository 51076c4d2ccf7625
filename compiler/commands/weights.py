"""`cnnc weights`: map a foreign state_dict onto a network, by name or else by order and shape."""

import argparse
import sys
from pathlib import Path

from .shared import add_force, add_network, read_net, root_of_import

HELP = "Map a foreign state_dict onto a network, by name or else by order and shape."
EXAMPLE = "cnnc weights net.cnn --from model.pth -o net.safetensors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument("--from", dest="source", required=True, metavar="W", help=".safetensors or .pth file to read")
    parser.add_argument("-o", "--output", metavar="OUT", help="write them under the network's names, as .safetensors")
    add_force(parser)
    parser.add_argument(
        "--order", choices=("file", "name"), default="file", help="of layers that are alike (default: the file's)"
    )


def run(args: argparse.Namespace) -> int:
    """Print which foreign tensor becomes which of the network's; with -o write them under its names."""
    from ...backends.mapping import describe, map_weights, save, taken_over
    from ..ours import keep_others
    from ..writing import keep_sources, keep_used
    from .watching import files_of

    keep_sources(args.output, program=args.file, weights=args.source)
    keep_others(args.output, args.force)
    net = read_net(args)
    net.needs_numbers()
    pairs, way, found = map_weights(net.graph, args.source, args.order, root_of_import(args, args.source))
    print(describe(pairs, way))
    if args.output is not None:
        keep_used(args.output, files_of(net.graph))
        save(Path(args.output), taken_over(pairs, found, net.graph))
        print(f"wrote {args.output}", file=sys.stderr)
    return 0
