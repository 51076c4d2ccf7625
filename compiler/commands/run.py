"""`cnnc run`: images through a network."""

import argparse
import sys
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

from ..diagnostics import CnncError, Diagnostic, NetworkError, show, usage
from ..files import open_file
from ..ir import known
from ..namespace import Namespace
from .shared import (
    add_force,
    add_limits,
    given_weights,
    positive,
    read_net,
    refuse_idle,
    refuse_idle_force,
    set_defaults,
    show_diagnostics,
)

HELP = "Run a network on an image, or on all images of a folder."
EXAMPLE = "cnnc run resnet50.cnn --input cat.jpg --weights resnet50.safetensors --labels imagenet.txt"
Labels = list[str] | None
MOST_LABELS = 2**24
"""Bytes of a file of labels; a thousand times what ImageNet's take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="program to read, - for stdin")
    parser.add_argument("-e", dest="text", metavar="TEXT", help="the program itself instead of a file")
    parser.add_argument("--input", dest="image", required=True, metavar="IMAGE", help="image file, or a folder of them")
    parser.add_argument(
        "--shape",
        dest="input",
        action="append",
        metavar="SHAPE",
        help="input shape, such as 3x224x224 (--input elsewhere)",
    )
    parser.add_argument("-D", dest="define", action="append", metavar="NAME=VALUE", help="value of a build parameter")
    parser.add_argument("--weights", metavar="FILE", help="take weights from a .safetensors or .pth file")
    parser.add_argument("--seed", type=int, metavar="N", help="of random weights without --weights (default 0)")
    parser.add_argument(
        "--on", choices=("cpu", "cuda", "onnx", "numpy"), default="cpu", help="what runs it (default: cpu)"
    )
    parser.add_argument("--labels", metavar="FILE", help="the classes' names, one a line")
    parser.add_argument("--top", type=positive, metavar="N", help="how many classes are shown (default 5)")
    parser.add_argument("--mean", metavar="A,B,C", help="of pixels between 0 and 1 (default: ImageNet's)")
    parser.add_argument("--std", metavar="A,B,C", help="their standard deviation (default: ImageNet's)")
    parser.add_argument("--no-normalize", action="store_true", help="leave pixels between 0 and 1")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="store outputs as .npy, or images and maps of classes as .png"
    )
    add_force(parser)
    parser.add_argument("--profile", action="store_true", help="show the time of each layer beside its share of MACs")
    add_limits(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 2 where an image cannot be read; the others of a folder are run all the same."""
    from ...backends import packages

    if args.no_normalize:
        refuse_idle(args, ("mean", "std"), "--no-normalize")
    if args.weights is not None:
        refuse_idle(args, ("seed",), "--weights; nothing is drawn")
    refuse_idle_force(args, args.output)
    set_defaults(args, {"seed": 0})
    net = read_network(args)
    if not any(prod(known(terminal.value)) == known(terminal.value)[0] for terminal in net.graph.outputs):
        refuse_idle(args, ("labels", "top"), "outputs that are not one number for each class")
    set_defaults(args, {"top": 5})
    with packages():
        from ...backends.images import find_images
        from ...backends.inference import Runner, image_shape

        shape = image_shape(net)
        mean, std = normalisation(args, shape[0])
        images = find_images(Path(args.image or "''"))  # an empty name would be this folder
    labels, targets = read_labels(args.labels), output_paths(args.output, images)
    keep_inputs(targets, images, args)
    keep_results(targets, net, args.force)
    runner = Runner(net, args.on, given_weights(args), args.seed, args.profile)
    if args.weights is None:
        show_diagnostics([Diagnostic("W0610", {"seed": args.seed}, None)])
    status = 0
    for image, target in zip(images, targets, strict=True):
        try:
            run_one(runner, image, shape, (mean, std), labels, target, args)
        except CnncError as error:
            if len(images) == 1 or error.code != "E0551":
                raise
            show_diagnostics(error.diagnostics)
            status = error.exit_code
    return status


def run_one(
    runner: Any,
    image: Path,
    shape: Any,
    normal: Any,
    labels: list[str] | None,
    target: Path | None,
    args: argparse.Namespace,
) -> None:
    """Run one image, print what comes out and store it."""
    from ...backends.images import load
    from ...backends.inference import profile_lines, results

    pixels = load(image, shape, *normal)
    if runner.times is not None:
        print("\n".join(profile_lines(runner.net, *runner.profile(pixels))), end="\n\n")
    found = results(runner.net, runner(pixels), *normal)
    paths = result_paths(target, [result.name for result in found])
    for result, path in zip(found, paths, strict=True):
        print(show(image) if len(found) == 1 else f"{show(image)}: {result.name}")
        print("\n".join(result_lines(result, labels, args)))
        if path is not None:
            store(result, path)
    sys.stdout.flush()


def result_lines(result: Any, labels: Labels, args: argparse.Namespace) -> list[str]:
    """The best classes, or what a map is like and how it is read."""
    if not result.is_vector:
        shape, low, high = "×".join(map(str, result.array.shape)), result.array.min(), result.array.max()
        lines = [f"  {shape}, from {low:.4g} to {high:.4g}" + ("" if args.output else "; -o out.png stores it")]
        return [*lines, *reading_lines(result)] if result.array.ndim == 3 else lines
    if labels is not None and len(labels) != result.array.size:
        reason = f"it has {len(labels):,} lines, {result.name} {result.array.size:,} classes"
        raise usage("E0554", path=args.labels, reason=reason)
    best = result.best(args.top)
    names = [show(labels[i]) if labels else "" for i, _ in best]
    return [f"  {p:8.4f}  {i:>5}  {name}".rstrip() for (i, p), name in zip(best, names, strict=True)]


def reading_lines(result: Any) -> list[str]:
    """How a map is read, and how much of an image does not fit that."""
    outside = result.reading.outside(result.array) if result.reading.image else 0.0
    beyond = f"; {outside:.1%} of the values lie beyond and are cut off" if outside >= 0.0005 else ""
    return [f"  read as {result.reading.why}{beyond}"]


def store(result: Any, target: Path) -> None:
    from ..writing import write_file

    write_file(target, result.encoded(target))
    print(f"wrote {target}", file=sys.stderr)


def output_paths(output: str | None, images: list[Path]) -> list[Path] | list[None]:
    """Where each image's outputs go: the file asked for, with the image's name in it where there are several."""
    from ...backends.inference import ENDINGS

    if output is None:
        return [None] * len(images)
    target = Path(output)
    if target.suffix not in ENDINGS:
        raise usage("E0552", path=output, reason=f"the ending must be {' or '.join(ENDINGS)}")
    if len(images) == 1:
        return [target]
    stems = [image.stem for image in images]
    unique = len(set(stems)) == len(stems)
    return [target.with_stem(f"{target.stem}-{image.stem if unique else image.name}") for image in images]


def keep_inputs(targets: list[Path] | list[None], images: list[Path], args: argparse.Namespace) -> None:
    """Refuse to write a result over a file that is read (E0503)."""
    from ..writing import keep_sources

    there = [target for target in targets if target is not None and target.exists()]
    for target in there:
        keep_sources(target, program=args.file, weights=args.weights, labels=args.labels)
        for image in images:
            keep_sources(target, image=image)


def result_paths(target: Path | None, names: list[str]) -> Sequence[Path | None]:
    """Where outputs go: the file asked for, with the output's name in it where there are several.

    Names that differ in case alone get numbers, since they are one file on some systems.
    """
    if target is None or len(names) == 1:
        return [target] * len(names)
    files = Namespace(folded=True)
    return [target.with_stem(f"{target.stem}-{files.take(name)}") for name in names]


def keep_results(targets: list[Path] | list[None], net: Any, force: bool) -> None:
    """Refuse, before anything is run, to write over what is there (E0555)."""
    from ..ours import keep_others

    names = [terminal.name for terminal in net.graph.outputs]
    for target in targets:
        for path in result_paths(target, names):
            keep_others(path, force)


# Requests


def read_network(args: argparse.Namespace) -> Any:
    """The network, with numbers for all extents; where they are missing, the way to give them is --shape here."""
    help = "start with `input 3x224x224 -> …`, or pass --shape 3x224x224"
    try:
        net = read_net(args)
    except NetworkError as error:
        named = [d._replace(facts={**d.facts, "help": help}) if d.code == "E0211" else d for d in error.diagnostics]
        raise NetworkError(named) from None
    if net.symbols:
        raise usage(
            "E0331", symbols=", ".join(net.symbols), help="pass --shape with numbers, such as --shape 3x224x224"
        )
    return net


def normalisation(args: argparse.Namespace, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation, by channel or for all; nothing for both where pixels stay as they are."""
    from ...backends.images import MEAN, STD, usual

    if args.no_normalize:
        return (), ()
    mean = usual(channels, MEAN) if args.mean is None else numbers(args.mean, channels)
    std = usual(channels, STD) if args.std is None else numbers(args.std, channels)
    if min(std) <= 0:
        raise usage("E0553", text=args.std, channels=channels)
    return mean, std


def numbers(text: str, channels: int) -> tuple[float, ...]:
    from math import isfinite

    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) not in (1, channels) or not all(map(isfinite, found)):
        raise usage("E0553", text=text, channels=channels)
    return found


def read_labels(path: str | None) -> Labels:
    if path is None:
        return None

    with open_file(path) as file:
        data = file.read(MOST_LABELS + 1)
    if len(data) > MOST_LABELS:
        raise usage("E0501", path=path, reason=f"it has more than {MOST_LABELS:,} bytes")
    try:
        return data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise usage("E0501", path=path, reason="it is not UTF-8 text") from None
