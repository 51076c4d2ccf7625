"""`cnnc sweep`: evaluate a space of networks, and find its Pareto front."""

import argparse
import json
import sys
from typing import Any

from .shared import add_force, add_limits, limits_of, refuse_idle, refuse_idle_force, set_defaults

HELP = "Evaluate a space of networks, up to millions, and find the best trade-offs."
EXAMPLE = "cnnc sweep examples/sweep/mobilenet_mcu.toml -o results.csv --workers all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="SPACE.toml", help="the space: a program, values of its build parameters, limits"
    )
    parser.add_argument("-o", "--output", metavar="OUT", help="results, .csv or .parquet: a line for each point kept")
    parser.add_argument("--workers", metavar="N|all", help="processes, or one for each core (default: 1)")
    parser.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler's, such as tcp://10.0.0.1:8786, instead")
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        metavar="KEY=VALUE",
        help="in place of the file's: points=1000, limits.params=5M, params.width=[0.5,1.0]",
    )
    parser.add_argument("--restart", action="store_true", help="do not go on with the unfinished sweep of OUT")
    parser.add_argument("--plot", metavar="OUT", help="a picture of the points and the front: .svg, .png or .pdf")
    add_force(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table", help="of the front (default: table)")
    add_limits(parser)


def run(args: argparse.Namespace) -> int:
    from ..sweep.progress import Progress

    check(args)
    with Progress() as progress:
        try:
            found = swept(args, progress)
        except KeyboardInterrupt:
            progress.__exit__(None, None, None)
            print(interrupted(args, progress), file=sys.stderr)
            return 130
    if args.plot is not None:
        found.plot(args.plot)
    show(found, args)
    return 0


def check(args: argparse.Namespace) -> None:
    """Refuse now what would fail at the end, or have no effect."""
    from ..diagnostics import usage
    from ..ours import keep_others
    from ..writing import keep_sources

    if args.cluster is not None:
        refuse_idle(args, ("workers",), "--cluster")
    set_defaults(args, {"workers": "1"})
    if args.restart and args.output is None:
        raise usage("E0580", option="--restart", other="no -o")
    refuse_idle_force(args, args.output, args.plot)
    if args.plot is not None:
        from ..sweep.plot import check_plot

        check_plot(args.plot)
        keep_sources(args.plot, space=args.file)
    for path in (args.output, args.plot):
        keep_others(path, args.force)


def swept(args: argparse.Namespace, progress: Any) -> Any:
    from ..sweep import sweep

    return sweep(
        args.file, args.output, workers=args.workers, cluster=args.cluster, restart=args.restart,
        changes=args.changes or (), limits=limits_of(args), progress=progress,
    )  # fmt: skip


def interrupted(args: argparse.Namespace, progress: Any) -> str:
    kept = "the same command goes on from here" if args.output else "nothing is kept without -o"
    return f"interrupted after {progress.done:,} of {progress.count:,} points; {kept}"


def show(found: Any, args: argparse.Namespace) -> None:
    from ..sweep.show import report, show

    if args.format == "json":
        print(json.dumps(report(found), indent=1))
        return
    show(found)
    for path in (args.output, args.plot):
        if path is not None:
            print(f"wrote {path}")
