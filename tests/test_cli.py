"""The command through its real executable: results, diagnostics, exit statuses, files."""

import csv
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from conftest import ROOT

CHAIN = "conv3x3(32, s=2, d=2) -> bn -> relu -> maxpool2"
RESNET50 = str(ROOT / "examples/resnet50.cnn")


def cnnc(*args: str, cwd: Path | None = None, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("cnnc")), *args]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, input=stdin, env=env, timeout=120)


def test_analyze_text() -> None:
    result = cnnc("analyze", "-e", CHAIN, "--input", "3x224x224")
    assert result.returncode == 0 and result.stderr == ""
    assert "1x32x55x55" in result.stdout and "10,454,400" in result.stdout
    assert "MACs (torchvision)" in result.stdout


def test_analyze_says_319() -> None:
    result = cnnc("analyze", "-e", "conv3x3(1, s=2)", "--input", "1x640x640")
    assert "1x1x319x319" in result.stdout


def test_analyze_json() -> None:
    result = cnnc("analyze", RESNET50, "--format", "json", "--batch", "2")
    report = json.loads(result.stdout)
    assert report["totals"]["params"] == 25_557_032
    assert report["inputs"] == [{"name": "input", "shape": [2, 3, 224, 224]}]
    assert report["totals"]["flops"] == 2 * report["totals"]["macs"]
    assert report["layers"][0]["span"] == {"file": "resnet50.cnn", "line": 11, "column": 4}


@pytest.mark.parametrize("form", ["table", "json", "csv", "md"])
def test_analyze_writes_a_file(form: str, tmp_path: Path) -> None:
    command = ("analyze", RESNET50, "--format", form, "-o")
    result = cnnc(*command, "report.txt", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "wrote report.txt\n")
    assert (tmp_path / "report.txt").read_text() == cnnc(*command, "-").stdout


@pytest.mark.parametrize("by", ["layer", "block", "op"])
def test_analyze_by(by: str) -> None:
    result = cnnc("analyze", RESNET50, "--by", by)
    assert result.returncode == 0
    assert "25,557,032" in result.stdout and "4,089,184,256" in result.stdout


def test_analyze_reads_stdin() -> None:
    result = cnnc("analyze", "-", "--input", "3x8x8", stdin="conv1x1(2)")
    assert result.returncode == 0 and "1x2x8x8" in result.stdout


def test_plain_output_has_no_colour() -> None:
    assert "\x1b" not in cnnc("analyze", RESNET50, NO_COLOR="1").stdout


def test_terminal_output_has_bars() -> None:
    """On a terminal rich draws the table; `script` gives the command one."""
    import pty

    master, slave = pty.openpty()
    command = [str(Path(sys.executable).with_name("cnnc")), "analyze", RESNET50, "--by", "block"]
    process = subprocess.Popen(
        command, stdout=slave, stderr=slave, env={**os.environ, "COLUMNS": "160", "TERM": "xterm"}
    )
    os.close(slave)
    data = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        data += chunk
    assert process.wait() == 0
    text = data.decode()
    assert "█" in text and "25,557,032" in text


def test_compile_writes_source(tmp_path: Path) -> None:
    result = cnnc("compile", RESNET50, "-D", "classes=10", cwd=tmp_path)
    assert result.returncode == 0 and "resnet50.py" in result.stdout
    assert "nn.Linear(2048, 10)" in (tmp_path / "resnet50.py").read_text()


def test_compile_writes_onnx(tmp_path: Path) -> None:
    result = cnnc("compile", "-e", CHAIN, "--input", "3x32x32", "-o", "net.onnx", "--batch", "4", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    model = onnx.load(tmp_path / "net.onnx")
    assert model.opset_import[0].version == 20
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [4, 3, 32, 32]
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def test_compile_to_stdout() -> None:
    result = cnnc("compile", "-e", CHAIN, "--input", "3x32x32", "-o", "-")
    compile(result.stdout, "net.py", "exec")
    assert "class Net(nn.Module)" in result.stdout


def test_compile_keeps_permissions_and_replaces_whole_files(tmp_path: Path) -> None:
    target = tmp_path / "net.py"
    target.write_text("old")
    target.chmod(0o640)
    assert cnnc("compile", "-e", "relu", "--input", "3", "-o", str(target)).returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert "nn.Module" in target.read_text()


def test_failed_compile_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "net.py"
    target.write_text("old")
    assert cnnc("compile", "-e", "rellu", "--input", "3", "-o", str(target)).returncode == 1
    assert target.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_links_are_not_followed_for_output(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_text("old")
    (tmp_path / "link.py").symlink_to(tmp_path / "real.py")
    assert cnnc("compile", "-e", "relu", "--input", "3", "-o", str(tmp_path / "link.py")).returncode == 2
    assert (tmp_path / "real.py").read_text() == "old"


def test_check_reports_every_file(tmp_path: Path) -> None:
    (tmp_path / "good.cnn").write_text("block b(c) = conv3x3(c) -> relu")
    (tmp_path / "bad.cnn").write_text("input 3x8x8 -> rellu -> conv3x3(4) -> tanhh")
    result = cnnc("check", "good.cnn", "bad.cnn", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stdout.splitlines() == ["good.cnn: ok", "bad.cnn: 2 errors"]
    assert result.stderr.count("error[E0301]") == 2


@pytest.mark.parametrize(
    "args",
    [
        ("analyze",),
        ("analyze", "missing.cnn"),
        ("analyze", "/"),
        ("analyze", "-e", "relu", "--input", "axb"),
        ("analyze", "-e", "relu", "--input", "3", "--batch", "0"),
        ("analyze", "-e", "relu", "--input", "3", "-D", "oops"),
        ("compile", "-e", "relu", "--input", "3", "--to", "keras"),
        ("compile", "-e", "relu", "--input", "3", "-o", "net.xyz"),
        ("compile", "-e", "relu", "--input", "3", "-o", "/nowhere/net.py"),
        ("compile", "-e", "relu", "--input", "3", "-o", "-", "--weights", "missing.pth"),
        ("compile", "-e", "relu", "--input", "3", "-o", "x.onnx", "--opset", "7"),
        ("layers", "convv"),
        ("explain", "E9999"),
        ("frobnicate",),
    ],
)
def test_wrong_command_lines(args: tuple[str, ...], tmp_path: Path) -> None:
    result = cnnc(*args, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert result.stdout == "" and "Traceback" not in result.stderr and result.stderr
    assert not list(tmp_path.iterdir())


def test_help_teaches_by_example() -> None:
    result = cnnc("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: cnnc ") and "examples:\n  cnnc analyze -e" in result.stdout


def test_layers_and_codes() -> None:
    assert "adaptive_avgpool(size)" in cnnc("layers").stdout
    assert "positional order" in cnnc("layers", "conv").stdout
    assert "padded input" in cnnc("explain", "E0201").stdout


def test_closed_pipe_is_quiet() -> None:
    command = f"{Path(sys.executable).with_name('cnnc')} analyze {RESNET50} | head -1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "resnet50" in result.stdout and result.stderr == ""


def test_faults_ask_for_a_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from cnnc.compiler import cli
    from cnnc.compiler.commands import analyze

    monkeypatch.setattr(analyze, "read_net", lambda args: 1 / 0)
    assert cli.run(["analyze", "-e", "relu"]) == 3
    assert "E0901" in capsys.readouterr().err


@pytest.mark.parity
def test_weights_of_both_kinds(tmp_path: Path) -> None:
    import cnnc as api
    import safetensors.torch
    import torch

    net = api.compile(CHAIN, input="3x32x32")
    state = net.to_torch(seed=5).state_dict()
    torch.save(state, tmp_path / "w.pth")
    safetensors.torch.save_file(state, tmp_path / "w.safetensors")
    for name in ("w.pth", "w.safetensors"):
        result = cnnc("compile", "-e", CHAIN, "--input", "3x32x32", "-o", "n.onnx", "--weights", name, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        stored = {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(tmp_path / "n.onnx").graph.initializer}
        assert (stored["conv1.weight"] == state["conv1.weight"].numpy()).all()
    other = cnnc("compile", "-e", "conv3x3(8)", "--input", "3x9x9", "-o", "m.onnx", "--weights", "w.pth", cwd=tmp_path)
    assert other.returncode == 2 and "E0508" in other.stderr and not (tmp_path / "m.onnx").exists()


@pytest.mark.parity
def test_pickles_that_run_code_are_refused(tmp_path: Path) -> None:
    import pickle

    class Bomb:
        def __reduce__(self) -> object:
            return os.mkdir, (str(tmp_path / "exploded"),)

    (tmp_path / "w.pth").write_bytes(pickle.dumps({"conv1.weight": Bomb()}))
    result = cnnc("compile", "-e", CHAIN, "--input", "3x9x9", "-o", "n.onnx", "--weights", "w.pth", cwd=tmp_path)
    assert result.returncode == 2 and "E0509" in result.stderr
    assert not (tmp_path / "exploded").exists()


def test_analyze_at_sizes(tmp_path: Path) -> None:
    text = "conv3x3(8, s=2, p=1) -> bn -> relu -> [id, maxpool2 -> upsample2]"
    symbolic = cnnc("analyze", "-e", text, "--input", "3xHxW").stdout
    assert "sizes                 H divided by 4 must leave one of 0, 3: the concatenation at 1:39" in symbolic
    assert (
        cnnc("analyze", "-e", text, "--input", "3xHxW", "--at", "H=32,W=64").stdout
        == cnnc("analyze", "-e", text, "--input", "3x32x64").stdout
    )
    wrong = cnnc("analyze", "-e", text, "--input", "3xHxW", "--at", "H=30,W=64")
    assert (wrong.returncode, wrong.stdout) == (1, "") and "E0204" in wrong.stderr
    assert "E0331" in cnnc("analyze", "-e", text, "--input", "3xHxW", "--at", "H=32").stderr


def test_analyze_forms() -> None:
    net = ("-e", "(conv3x3(8, p=1) -> relu) * 3", "--input", "8x9x9", "--convention", "thop")
    lines = list(csv.DictReader(io.StringIO(cnnc("analyze", *net, "--format", "csv").stdout)))
    assert len(lines) == 6 and [line["MACs (thop)"] for line in lines[:2]] == ["46656", "0"]
    markdown = cnnc("analyze", *net, "--format", "md").stdout
    assert "| layer | op | output | params | MACs (thop) | other ops | field |" in markdown and "\\_" not in markdown
    assert "- convention thop: thop 0.1.1" in markdown


def test_formulas_keep_their_commas_and_have_brackets_in_shapes() -> None:
    net = ("-e", "conv3x3(2000) -> adaptive_avgpool(7)", "--input", "3xHxW")
    (conv, pool) = csv.DictReader(io.StringIO(cnnc("analyze", *net, "--format", "csv").stdout))
    assert (conv["params"], conv["output"]) == ("56000", "1x2000x(H - 2)x(W - 2)")
    assert "gcd(H - 2, 7)" in pool["other ops"]


def test_figures_of_networks_that_move_nothing_or_very_much() -> None:
    nothing = cnnc("analyze", "-e", "flatten", "--input", "3x4x4").stdout
    assert "bytes moved           0 B\n" in nothing
    much = ("-e", "conv1x1(900000000) -> conv1x1(900000000)", "--input", "3x30x30", "--batch", "2147483647")
    assert "1,565,515,583,881,385,262,210,000,000,000 (1565515583881385262210.000 G)" in cnnc("analyze", *much).stdout


def test_analyze_with_a_symbolic_batch() -> None:
    report = json.loads(cnnc("analyze", "-e", "fc(4)", "--input", "3", "--batch", "N", "--format", "json").stdout)
    assert report["outputs"][0]["shape"] == ["N", 4]
    assert (report["totals"]["macs"], report["totals"]["bytes_moved"]) == ("12*N", "28*N + 64")
    assert "E0331" in cnnc("analyze", "-e", "fc(4)", "--input", "3", "--batch", "N", "--device", "cpu").stderr


def test_explain_the_first_layer() -> None:
    printed = cnnc("analyze", str(ROOT / "examples" / "resnet50.cnn"), "--explain").stdout
    for line in (
        "N = ⌊(224 + 2·3 − 1·(7 − 1) − 1)/2⌋ + 1 = 112",
        "64·(3·7·7) = 9,408; with a bias 64·(3·7·7) + 64 = 9,472",
        "64·112·112·(3·7·7) = 118,013,952",
    ):
        assert line in printed
