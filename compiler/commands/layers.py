"""`cnnc layers`: list the layers, or describe one."""

import argparse

HELP = "List the layers, or describe one."
EXAMPLE = "cnnc layers conv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME")


def run(args: argparse.Namespace) -> int:
    from ..reference import describe_all, describe_layer

    print(describe_layer(args.name) if args.name else describe_all())
    return 0
