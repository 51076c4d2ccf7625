"""Writes docs/commands/, a page for each command with its help and what it really prints: `make commands`."""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from cnnc.compiler.commands import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "commands"
LONGEST = 70
"""Lines of output; what is longer is cut there, and the page says so."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "compile": ("compile examples/lenet5.cnn -o -", "compile examples/lenet5.cnn -o lenet5.onnx --inference"),
    "analyze": (
        "analyze examples/lenet5.cnn",
        "analyze examples/resnet50.cnn --by block --device h100 --dtype fp16 --batch 32",
        "analyze -e 'conv7x7(64, s=2, p=3) -> bn -> relu' --input 3x224x224 --explain",
        "analyze -e '[id, maxpool2 -> upsample2]' --input 3xHxW",
        "analyze -e 'conv3x3(8) -> relu' --input 3x8x8 --format csv --convention ptflops",
    ),
    "draw": ("draw examples/lenet5.cnn --to mermaid -o -",),
    "diff": ("diff examples/resnet18.cnn examples/resnet50.cnn --by block",),
    "advise": ("advise examples/alexnet.cnn",),
    "fit": ("fit examples/zoo/mobilenet_v2.cnn --params 5M --macs 300M",),
    "sweep": (
        "sweep examples/sweep/mobilenet_mcu.toml -o results.csv --plot front.svg",
        "sweep examples/sweep/resnet_family.toml --set points=100 --set limits.seconds=0.002",
        "sweep examples/sweep/resnet_family.toml --set params.wdith=[4,8]",
    ),
    "check": ("check examples/lenet5.cnn", "check wrong.cnn"),
    "verify": ("verify examples/lenet5.cnn",),
    "run": ("run examples/lenet5.cnn --input grey.png --seed 1",),
    "train": (
        "train examples/train/siamese.cnn --data digits",
        "train examples/train/siamese.cnn --data cats",
    ),
    "weights": (
        "weights examples/lenet5.cnn --from lenet5.safetensors",
        "weights examples/lenet5.cnn --from backbone.pth --partial",
        "weights -e '(conv3x3(4) -> relu) * 3' --input 4x32x32 --from unclear.pth",
        "weights -e '(conv3x3(4) -> relu) * 3' --input 4x32x32 --from unclear.pth --accept-order",
    ),
    "fmt": ("fmt wrong.cnn",),
    "new": ("new mynet --template unet",),
    "layers": ("layers conv", "layers"),
    "explain": ("explain E0201",),
    "completion": (),
}


def prepare(folder: Path) -> None:
    """What the examples work on."""
    import cnnc
    import torch
    from PIL import Image
    from safetensors.torch import save_file

    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "wrong.cnn").write_text("input 3x32x32\n->conv3x3(16)->fc(10)\n", encoding="utf-8")
    Image.linear_gradient("L").save(folder / "grey.png")
    state = cnnc.load(ROOT / "examples/lenet5.cnn").to_torch(seed=0).state_dict()
    save_file(state, str(folder / "lenet5.safetensors"))
    backbone = {f"module.features.{name}": tensor for name, tensor in state.items() if name.startswith("conv")}
    torch.save(backbone, folder / "backbone.pth")
    layers = torch.nn.ModuleDict({name: torch.nn.Conv2d(4, 4, 3) for name in ("first", "next", "end")})
    torch.save({"epoch": 9, "state_dict": layers.state_dict()}, folder / "unclear.pth")


def cnnc_says(folder: Path, words: list[str]) -> str:
    """What the command prints, errors and results in one."""
    command = [str(Path(sys.executable).with_name("cnnc")), *words]
    plain = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1"}
    run = subprocess.run(
        command, cwd=folder, env=plain, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return run.stdout.rstrip()


def page(name: str, folder: Path) -> str:
    """One command's page."""
    parts = [f"# cnnc {name}", fenced(f"$ cnnc {name} --help", cnnc_says(folder, [name, "--help"]))]
    parts += [fenced(f"$ cnnc {example}", cut(cnnc_says(folder, shlex.split(example)))) for example in EXAMPLES[name]]
    return "\n\n".join(parts) + "\n"


def fenced(command: str, output: str) -> str:
    return f"```text\n{command}\n{output}\n```"


def cut(text: str) -> str:
    lines = text.splitlines()
    return text if len(lines) <= LONGEST else "\n".join([*lines[:LONGEST], f"… {len(lines) - LONGEST} more lines"])


def pages() -> dict[str, str]:
    """Every page by the name of its command."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        return {command: page(command, folder) for command in COMMANDS}


def main() -> None:
    PAGES.mkdir(exist_ok=True)
    for command, text in pages().items():
        (PAGES / f"{command}.md").write_text(text, encoding="utf-8")
    print(f"wrote {len(COMMANDS)} pages to {PAGES.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
