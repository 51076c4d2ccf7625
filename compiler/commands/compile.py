"""`cnnc compile`: write PyTorch source, an ONNX model or a training script."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ..diagnostics import usage
from .shared import (
    add_force,
    add_network,
    batch_size,
    given_weights,
    read_net,
    refuse_idle,
    refuse_idle_force,
    set_defaults,
    write_result,
)

HELP = "Write PyTorch source, an ONNX model or a training script."
EXAMPLE = "cnnc compile resnet50.cnn -o resnet50.onnx"
NOUNS = {"torch": "PyTorch source", "onnx": "an ONNX model", "train": "a training script"}
ONNX_ONLY = ("batch", "seed", "opset", "inference")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument(
        "--to", metavar="TARGET", help="torch, onnx or train; otherwise by the ending of -o, else torch"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="file to write, - for stdout (default: the program's name)"
    )
    add_force(parser)
    parser.add_argument("--data", metavar="DATA", help="train: read this data alone, not all that fits")
    parser.add_argument("--batch", metavar="N", help="ONNX: batch size, or dynamic (default)")
    parser.add_argument("--weights", metavar="FILE", help="take weights from a .safetensors or .pth file")
    parser.add_argument("--seed", type=int, metavar="N", help="ONNX: seed of the initial weights (default 0)")
    parser.add_argument("--opset", type=int, metavar="N", help="ONNX: operator set (default 20)")
    parser.add_argument("--inference", action="store_true", help="ONNX: fold batch normalisation, drop dropout")


def run(args: argparse.Namespace) -> int:
    from ...backends import TARGETS

    target, out = choose_target(args, TARGETS)
    if target != "onnx":
        refuse_idle(args, ONNX_ONLY, f"{NOUNS[target]}; --to onnx or -o net.onnx writes ONNX")
    if target == "train":
        refuse_idle(args, ("weights",), "a training script; it begins with fresh ones")
    else:
        refuse_idle(args, ("data",), f"{NOUNS[target]}; --to train writes a training script")
    if args.weights is not None:
        refuse_idle(args, ("seed",), "--weights; nothing is drawn")
    set_defaults(args, {"batch": "dynamic"})
    net = read_net(args)
    if target == "onnx":
        data = onnx_bytes(args, net, out)
    elif target == "train":
        data = net.train_source(args.data).encode()
    else:
        if args.weights is not None:
            from ...backends.weights import read_weights

            read_weights(given_weights(args), net.graph)
        data = net.torch_source().encode()
    if out == "-":
        sys.stdout.buffer.write(data)
        return 0
    if target != "onnx":
        write_result(out, data, net)
    print(f"wrote {out}: {net.name}, {net.params:,} parameters, {net.macs:,} MACs")
    if args.weights is not None and target == "torch":
        print(f"the weights in {args.weights} fit: load them with load_state_dict", file=sys.stderr)
    return 0


def onnx_bytes(args: argparse.Namespace, net: Any, out: str) -> bytes:
    """The model's bytes for stdout, or nothing once it is written to a file."""
    from ..writing import keep_used
    from .watching import files_of

    keep_used(out, files_of(net.graph))
    batch = args.batch if args.batch == "dynamic" else batch_size(args.batch)
    model = net.to_onnx(
        None if out == "-" else out,
        batch=batch,
        seed=args.seed,
        weights=given_weights(args),
        opset=args.opset,
        inference=args.inference,
    )
    return bytes(model.SerializeToString(deterministic=True)) if out == "-" else b""


def choose_target(args: argparse.Namespace, targets: dict[str, str]) -> tuple[str, str]:
    """The target and the output path: from --to, from the ending of -o, else PyTorch beside nobody's file."""
    from ..ours import keep_others
    from ..writing import keep_sources

    target, out = args.to, args.output
    if target is None:
        ending = Path(out).suffix if out not in (None, "-") else ".py"
        target = next((name for name, suffix in targets.items() if suffix == ending), None)
        if target is None:
            raise usage("E0504", name=ending or out, known=", ".join(f"{n} ({s})" for n, s in targets.items()))
    if target not in targets:
        raise usage("E0504", name=target, known=", ".join(targets))
    if out is None:
        stem = "net" if args.text is not None or args.file == "-" else Path(args.file).stem
        out = f"{stem}{targets[target]}"
    refuse_idle_force(args, out)
    keep_sources(out, program=args.file, weights=args.weights)
    keep_others(out, args.force)
    return target, out
