"""`cnnc train`: write the training script of a network and run it."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..diagnostics import usage
from ..signals import ENDING, held
from .shared import add_force, add_network, positive, read_net, refuse_idle

HELP = "Train a network as its train section says."
EXAMPLE = "cnnc train examples/train/digits.cnn --data digits"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument(
        "--data",
        required=True,
        metavar="DATA",
        help="digits, synthetic, or a path: a folder of images, of MNIST or CIFAR-10, of arrays, a .npz file",
    )
    parser.add_argument("--out", metavar="DIR", help="folder of script, logs, checkpoint and model (runs/NAME)")
    add_force(parser)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto")
    parser.add_argument("--workers", type=count, default=0, metavar="N", help="processes that load data (default 0)")
    parser.add_argument(
        "--save-every", type=positive, default=1000, metavar="N", help="steps between checkpoints (default 1000)"
    )
    parser.add_argument("--max-steps", type=positive, metavar="N", help="stop after so many steps")
    group = parser.add_argument_group("several processes, by torchrun")
    group.add_argument("--processes", type=positive, default=1, metavar="N", help="on this machine (default 1)")
    group.add_argument("--nodes", type=positive, default=1, metavar="N", help="machines (default 1)")
    group.add_argument("--node-rank", type=int, default=0, metavar="I", help="which of them this is (default 0)")
    group.add_argument("--rendezvous", metavar="HOST:PORT", help="address of the first machine")


def count(text: str) -> int:
    """A whole number from 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("a whole number of at least 0 is needed")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """The script's exit status; 1 where it ended with an error, 130 where it was interrupted."""
    from ...backends import require
    from ..ours import keep_others
    from ..writing import write_file

    if not 0 <= args.node_rank < args.nodes:
        raise usage("E0521", rank=args.node_rank, nodes=args.nodes)
    if args.nodes > 1 and args.rendezvous is None:
        raise usage("E0591", nodes=args.nodes)
    if args.nodes == 1:
        refuse_idle(args, ("rendezvous",), "one machine; --nodes says how many there are")
    net = read_net(args)
    text = net.train_source(args.data)
    require(packages_of(text))
    out = Path(args.out or f"runs/{net.name}")
    try:
        if (out / "checkpoint.pt").exists() and not args.resume:
            reason = "it has a checkpoint of an earlier run: --resume goes on from it"
            raise usage("E0503", path=str(out), reason=reason)
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise usage("E0503", path=str(out), reason=error.strerror) from None
    script = out / "train.py"
    keep_others(script, args.force)
    write_file(script, text.encode())
    print(f"wrote {script}", flush=True)
    share = max(1, (os.cpu_count() or 1) // args.processes)
    environment = {"OMP_NUM_THREADS": str(share), **os.environ} if args.processes > 1 else None
    command = [*launcher(args), str(script), *options(args, out)]
    return finished(command, environment)


def finished(command: list[str], environment: dict[str, str] | None) -> int:
    """Run the script to its end, and give its status.

    A terminal sends Ctrl-C to both processes, and a supervisor SIGTERM to this one alone: so it is this one that hears
    it, hands it on and waits, since the script may be at a checkpoint.
    """
    with held():
        process = subprocess.Popen(command, env=environment, preexec_fn=deaf)
    try:
        status = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return status if status >= 0 else 128 - status


def deaf() -> None:
    """In the script's process, before it begins: Ctrl-C is not for it, and nothing is held any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def launcher(args: argparse.Namespace) -> list[str]:
    """Python itself, or torchrun where there are several processes."""
    if args.processes == args.nodes == 1:
        return [sys.executable]
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={args.processes}"]
    if args.nodes == 1:
        return [*command, "--standalone"]
    host, _, port = args.rendezvous.partition(":")
    places = [f"--node-rank={args.node_rank}", f"--master-addr={host}", f"--master-port={port or 29500}"]
    return [*command, f"--nnodes={args.nodes}", *places]


def options(args: argparse.Namespace, out: Path) -> list[str]:
    """The script's own arguments."""
    given: dict[str, Any] = {
        "data": args.data, "out": out, "device": args.device, "workers": args.workers, "save-every": args.save_every,
        "max-steps": args.max_steps,
    }  # fmt: skip
    listed = [f"--{name}={value}" for name, value in given.items() if value is not None]
    return [*listed, *(["--resume"] if args.resume else [])]


PACKAGES = {
    "torch": "torch", "lightning_fabric": "lightning_fabric", "torch.utils.tensorboard": "tensorboard", "tqdm": "tqdm",
    "torchvision": "torchvision", "sklearn": "sklearn", "PIL": "PIL", "torch.onnx": "onnxscript",
}  # fmt: skip
"""What a script may mention, and the package that it then needs."""


def packages_of(text: str) -> list[str]:
    """The packages that a script needs."""
    return [package for mention, package in PACKAGES.items() if mention in text]
