"""Training scripts as text: clean, formatted and complete for every kind of network, data and option."""

import ast
import subprocess
import sys
from pathlib import Path

import cnnc
import pytest
from conftest import ROOT

EXAMPLES = sorted((ROOT / "examples" / "train").glob("*.cnn"))

IMAGE = "input 3x16x16 -> conv3x3(4) -> bn -> relu -> gap -> fc(3) train { loss = cross_entropy, optimizer = adam, %s }"
MAP = "input 3x16x16 -> conv3x3(%d, p=same) train { loss = %s, optimizer = adam }"
PAIR = "shared f = flatten -> fc(4) input a: 1x8x8, b: 1x8x8 output x = b -> f, y = a -> f train { %s optimizer = sgd }"
PROGRAMS = {
    "options": IMAGE % "clip = 1.0, ema = 0.9, l1 = 0.001, label_smoothing = 0.1, seed = 3, batch = full",
    "clip_value": IMAGE % "clip = value(0.5), precision = fp16, init = xavier",
    "bf16": IMAGE % "precision = bf16, schedule = plateau(patience=2), weight_decay = 0.1",
    "decay": IMAGE.replace("adam", "adamw(decay=weights)") % "l1 = 0.1, schedule = warmup(1) -> cosine, epochs = 2",
    "steps": IMAGE % "schedule = warmup(10, by=step) -> cosine, epochs = 2",
    "onecycle": IMAGE % "schedule = onecycle(max_lr=0.1)",
    "augment": IMAGE
    % "augment = [crop(2), flip, vflip, zoom, rotate, shift, jitter, noise, erase, randaugment, mixup], epochs = 1",
    "augment_few": IMAGE % "augment = [trivialaugment, cutmix(1.0)], epochs = 1",
    "mask": MAP % (3, "cross_entropy(dense=true, ignore=255)"),
    "flag": MAP % (1, "bce_logits(pos_weight=2)"),
    "flags": MAP % (4, "bce_logits"),
    "autoencoder": MAP % (3, "mse"),
    "regression": "input 8 -> fc(4) -> relu -> fc(2) train { loss = huber, optimizer = adam }",
    "one_score": "input 1x8x8 -> flatten -> fc(1) train { loss = hinge, optimizer = gd }",
    "probability": "input 1x8x8 -> flatten -> fc(1) -> sigmoid train { loss = bce, optimizer = adam }",
    "classes_as_vector": "input 1x8x8 -> flatten -> fc(5) train { loss = mse, optimizer = adam }",
    "tags": "input 1x8x8 -> flatten -> fc(5) train { loss = bce_logits, optimizer = adam }",
    "sequence": "input 2x50 -> conv3(4) -> relu -> gap -> fc(3) train { loss = cross_entropy, optimizer = adam }",
    "volume": "input 1x8x8x8 -> conv3(4) -> relu -> gap -> fc(3) train { loss = cross_entropy, optimizer = adam }",
    "contrastive": PAIR % "loss = contrastive(x, y), augment = flip,",
    "two_inputs": "input a: 4, b: 1x8x8 f = b -> flatten output y = a -> [id, f] -> fc(2), z = f -> fc(1) "
    "train { loss = cross_entropy(y) + 0.5 * mse(z), optimizer = adam }",
    "aux": "input 1x8x8 -> conv3x3(4) -> relu as t -> gap -> fc(3) aux h = t -> gap -> fc(3) "
    "train { loss = cross_entropy + 0.3 * cross_entropy(h), optimizer = adam }",
    "tasks": "input 3x8x8 -> gap as t output p = t -> fc(5), q = t -> fc(2) "
    "train { loss = [cross_entropy, mse], optimizer = adam }",
    "dense_sequence": "input 2x16 -> conv3(4, p=1) train { loss = cross_entropy(dense=true), optimizer = adam }",
    "thousand": "input 1x8x8 -> flatten -> fc(1000) train { loss = cross_entropy, optimizer = adam }",
    "unused": "input 1x8x8 -> flatten as t -> fc(3) output y = t -> fc(3), z = t -> fc(2) "
    "train { loss = cross_entropy(y), optimizer = adam }",
}
"""Programs whose scripts differ in kind of data or in what the loop does."""


def programs() -> dict[str, cnnc.Net]:
    found = {path.stem: cnnc.load(path) for path in EXAMPLES}
    return found | {name: cnnc.compile(text) for name, text in PROGRAMS.items()}


def test_scripts_are_lint_clean_and_formatted(tmp_path: Path) -> None:
    """With all sources of data, and with each single one."""
    for name, net in programs().items():
        for where in (None, "synthetic"):
            text = net.train_source(where)
            ast.parse(text)
            assert "import cnnc" not in text and "from cnnc" not in text
            (tmp_path / f"{name}_{where}.py").write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    rules = ["--isolated", "--line-length=120", "--select=E,F,W,I,UP,B,SIM,RUF", "--ignore=RUF001,RUF002,RUF003"]
    for command in (["check", *rules], ["format", "--isolated", "--line-length=120", "--check"]):
        result = subprocess.run([*ruff, *command, str(tmp_path)], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def test_a_script_holds_the_module_that_is_compiled() -> None:
    """The classes are those of `torch_source`, so weights have the same names."""
    net = cnnc.load(ROOT / "examples/train/digits.cnn")
    classes = net.torch_source().partition("class ")[2].strip()
    assert classes in net.train_source()


def test_one_source_of_data_alone(tmp_path: Path) -> None:
    net = cnnc.load(ROOT / "examples/train/digits.cnn")
    text = net.train_source("digits")
    assert 'default="digits"' in text and "ImageFolder" not in text and "np.load" not in text
    assert len(text) < 0.85 * len(net.train_source())
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert "ImageFolder" in net.train_source(str(tmp_path))


@pytest.mark.parametrize("where", ["nowhere", "mnist:nowhere"])
def test_data_that_is_not_there(where: str) -> None:
    with pytest.raises(cnnc.CnncError) as raised:
        cnnc.load(ROOT / "examples/train/digits.cnn").train_source(where)
    assert raised.value.code == "E0590" and "no such file or folder" in str(raised.value)


def test_data_that_does_not_fit_the_task() -> None:
    with pytest.raises(cnnc.CnncError) as raised:
        cnnc.load(ROOT / "examples/train/shapes.cnn").train_source("digits")
    assert raised.value.code == "E0590" and "not trained on that" in str(raised.value)
