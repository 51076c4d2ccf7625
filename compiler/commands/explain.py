"""`cnnc explain`: describe a diagnostic."""

import argparse

HELP = "Describe a diagnostic."
EXAMPLE = "cnnc explain E0201"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE")


def run(args: argparse.Namespace) -> int:
    from ..reference import describe_code

    print(describe_code(args.code))
    return 0
