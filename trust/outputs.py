"""The commands that write files, on small programs in a folder of their own: what kills and full disks are tried on."""

import random
from pathlib import Path
from typing import NamedTuple

NET = "net taught(c=8)\ninput 3x16x16 -> conv3x3(c, p=1) -> bn -> relu -> conv3x3(4)\n"
BIG = "input 2048x1x1 -> fc(1024) -> relu -> fc(1024)\n"
IDLE = "input 3x8x8 -> bn -> bn -> relu -> relu\n"
RAGGED = "# kept\ninput   3x8x8->conv3x3( 4 )->relu\n"
TAUGHT = (
    "input 1x8x8 -> conv3x3(4) -> bn -> relu -> gap -> fc(10)\n"
    "train { loss = cross_entropy, optimizer = sgd(lr=0.1, momentum=0.9), batch = 200, epochs = 2 }\n"
)
SPACE = 'network = "net.cnn"\nparams.c = {from = 1, to = 40, step = 1}\ninput = ["3x16x16", "3x24x24"]\n'
OLD = b"the result of an earlier run\n" * 40


class Output(NamedTuple):
    """One command that writes one file."""

    name: str
    argv: tuple[str, ...]
    target: str
    old: bytes | None = OLD
    """What the target has before; None where it must not be there."""
    kept: tuple[str, ...] = ()
    """Patterns of files that are left on purpose when the command is ended, and taken up by the next."""
    external: bool = False
    """Whether weights are forced into a second file, as those of more than 2 GiB are."""

    def __str__(self) -> str:
        return self.name


JOURNAL = ("out.csv.sweep*", "out.parquet.sweep*", "swept.csv.sweep*")
FORCE = ("--force",)
"""Replaces the target's old content, which does not look like a result of cnnc."""
OUTPUTS = (
    Output("PyTorch source", ("compile", "net.cnn", "-o", "net.py", *FORCE), "net.py"),
    Output("training script", ("compile", "taught.cnn", "--to", "train", "-o", "taught.py", *FORCE), "taught.py"),
    Output("ONNX", ("compile", "net.cnn", "-o", "net.onnx", *FORCE), "net.onnx"),
    Output("large ONNX", ("compile", "big.cnn", "-o", "big.onnx", *FORCE), "big.onnx"),
    Output("ONNX with external data", ("compile", "net.cnn", "-o", "ext.onnx", *FORCE), "ext.onnx", external=True),
    Output("HTML", ("analyze", "net.cnn", "--format", "html", "-o", "net.html", *FORCE), "net.html"),
    Output("JSON", ("analyze", "net.cnn", "--format", "json", "-o", "net.json", *FORCE), "net.json"),
    Output("drawing", ("draw", "net.cnn", "-o", "net.svg", *FORCE), "net.svg"),
    Output(
        "weights", ("weights", "net.cnn", "--from", "w.safetensors", "-o", "o.safetensors", *FORCE), "o.safetensors"
    ),
    Output("layout", ("fmt", "ragged.cnn"), "ragged.cnn", RAGGED.encode()),
    Output("advice", ("advise", "idle.cnn", "--apply", "1", "-o", "less.cnn", *FORCE), "less.cnn"),
    Output("new program", ("new", "fresh"), "fresh.cnn", None),
    Output("mask", ("run", "net.cnn", "--input", "a.png", "--on", "numpy", "-o", "mask.png", *FORCE), "mask.png"),
    Output("sweep as CSV", ("sweep", "space.toml", "-o", "out.csv", *FORCE), "out.csv", kept=JOURNAL),
    Output("sweep as Parquet", ("sweep", "space.toml", "-o", "out.parquet", *FORCE), "out.parquet", kept=JOURNAL),
)


def make_folder(folder: Path) -> None:
    """Write the programs and other inputs of all the commands."""
    import cnnc
    from PIL import Image
    from safetensors.numpy import save_file

    texts = {"net.cnn": NET, "big.cnn": BIG, "idle.cnn": IDLE, "taught.cnn": TAUGHT, "space.toml": SPACE}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "ragged.cnn").write_text(RAGGED, encoding="utf-8")
    Image.frombytes("RGB", (20, 20), random.Random(0).randbytes(1200)).save(folder / "a.png")
    from cnnc.backends.weights import draw

    save_file(draw(cnnc.load(folder / "net.cnn").graph, seed=3), folder / "w.safetensors")
