"""Training scripts run: every kind of data and option, and that each learns what it is given."""

import csv
import json
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cnnc
import numpy as np
import onnxruntime
import pytest
import torch
from conftest import ROOT
from PIL import Image
from sklearn.metrics import roc_auc_score
from test_train_script import PROGRAMS

Run = Callable[..., dict[str, Any]]

ARRAYS = np.random.default_rng(0)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a program's script within this process, in a folder of its own, and gives its namespace."""
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def call(net: cnnc.Net, *options: str, where: str | None = None) -> dict[str, Any]:
        script = tmp_path / "script.py"
        script.write_text(net.train_source(where))
        monkeypatch.setattr(sys, "argv", [str(script), "--out=run", "--device=cpu", *options])
        return runpy.run_path(str(script), run_name="__main__")

    yield call
    torch.set_num_threads(threads)


def short(text: str) -> cnnc.Net:
    """A program of the table, with a single epoch."""
    return cnnc.compile(text if "epochs" in text else text.replace("optimizer =", "epochs = 1, optimizer ="))


def losses(path: Path = Path("run/log.csv")) -> list[float]:
    with path.open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_runs(name: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """An epoch on synthetic data; the model is written in all forms, and ONNX Runtime agrees with PyTorch on it."""
    net = short(PROGRAMS[name])
    run(net, "--data=synthetic")
    assert re.search(r"epoch (\d)/\1: loss", capsys.readouterr().out)
    assert np.isfinite(losses()).all()
    module = net.to_torch(weights="run/model.pth").eval()
    inputs = {t.name: np.float32(ARRAYS.normal(size=(3, *t.value.shape))) for t in net.graph.inputs}
    session = onnxruntime.InferenceSession("run/model.onnx")
    found = dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs), strict=True))
    with torch.inference_mode():
        wanted = module(*map(torch.from_numpy, inputs.values()))
    wanted = wanted if isinstance(wanted, dict) else {"output": wanted}
    for key, value in wanted.items():
        assert np.abs(found[key] - value.numpy()).max() <= 1e-4 * max(1.0, value.abs().max().item())
    scales = json.loads(Path("run/preprocessing.json").read_text())
    assert len(scales[0]["mean"]) == net.graph.inputs[0].value.shape[0]


# Where data comes from

SMALL = "input %s -> flatten -> fc(3) train { loss = cross_entropy, optimizer = adam, epochs = 1, batch = 8 }"


def images(*shape: int) -> Any:
    return ARRAYS.integers(0, 256, shape, dtype=np.uint8)


def save_images(folder: Path, count: int, mode: str = "RGB") -> None:
    folder.mkdir(parents=True)
    for i in range(count):
        Image.fromarray(images(12, 10, 3)).convert(mode).save(folder / f"{i}.png")


def write_keras_archive() -> None:
    np.savez(
        "data.npz", x_train=images(40, 8, 8), y_train=np.arange(40) % 3, x_test=images(9, 8, 8), y_test=[0, 1, 2] * 3
    )


def write_arrays() -> None:
    Path("data").mkdir()
    np.save("data/images.npy", ARRAYS.normal(size=(40, 1, 8, 8)).astype(np.float32))
    np.save("data/label.npy", np.arange(40) % 3)


def write_folder_of_classes() -> None:
    for name in ("cat", "dog", "owl"):
        save_images(Path("data", name), 10)


def write_train_and_val() -> None:
    for part in ("train", "val"):
        for name in ("cat", "dog", "owl"):
            save_images(Path("data", part, name), 6, "L")


def write_mnist() -> None:
    """The four files of MNIST in their IDX format: a header of big-endian numbers, then bytes."""
    folder = Path("data/MNIST/raw")
    folder.mkdir(parents=True)
    for part, count in (("train", 40), ("t10k", 10)):
        head = np.array([2051, count, 28, 28], dtype=">i4").tobytes()
        (folder / f"{part}-images-idx3-ubyte").write_bytes(head + images(count, 28, 28).tobytes())
        labels = np.array([2049, count], dtype=">i4").tobytes() + bytes(i % 3 for i in range(count))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels)


SOURCES = {
    "data.npz": (write_keras_archive, "1x8x8"),
    "data": (write_arrays, "1x8x8"),
    "data/": (write_folder_of_classes, "3x8x8"),
    "./data": (write_train_and_val, "3x8x8"),
    "mnist:data": (write_mnist, "1x28x28"),
    "data/.": (write_mnist, "3x32x32"),
}


@pytest.mark.parametrize("where", SOURCES)
@pytest.mark.parametrize("single", [True, False])
def test_sources_of_images(where: str, single: bool, run: Run) -> None:
    """Each is read by a script with that source alone and by one with all of them."""
    write, shape = SOURCES[where]
    write()
    run(cnnc.compile(SMALL % shape), f"--data={where}", where=where if single else None)
    assert len(losses()) in (3, 4, 5)


def test_cifar10_is_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are made here: six pickles, whose checksums torchvision looks at."""
    import pickle

    from torchvision import datasets

    folder = Path("data/cifar-10-batches-py")
    folder.mkdir(parents=True)
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        batch = {"data": images(8, 3072), "labels": [i % 3 for i in range(8)]}
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["a", "b", "c"]}))
    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr(datasets.cifar, "check_integrity", lambda *args: True)
    run(cnnc.compile(SMALL % "3x32x32"), "--data=data", where="data")
    assert len(losses()) == 5


def test_masks_are_read(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("train", "val"):
        save_images(Path("data", part, "images"), 10)
        Path("data", part, "masks").mkdir()
        for i in range(10):
            Image.fromarray(ARRAYS.integers(0, 3, (12, 10), dtype=np.uint8)).save(f"data/{part}/masks/{i}.png")
    for head in ("conv1x1(3)", "conv3x3(3, s=2, p=1)"):  # masks as large as the images, and smaller
        text = f"input 3x8x8 -> {head} train {{ loss = cross_entropy(dense=true), optimizer = adam, epochs = 1 }}"
        run(cnnc.compile(text), f"--out={len(head)}", "--data=data", where="data")
        assert "iou" in capsys.readouterr().out


def test_several_inputs_and_targets_from_arrays(run: Run) -> None:
    inputs = {"a": ARRAYS.normal(size=(40, 4)), "b": images(40, 8, 8)}
    np.savez("data.npz", **inputs, y=np.arange(40) % 2, z=ARRAYS.normal(size=(40, 1)))
    run(short(PROGRAMS["two_inputs"]), "--data=data.npz")
    assert len(losses()) == 1


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.uint64])
def test_labels_in_a_column(kind: type, run: Run) -> None:
    """N×1 labels of any whole type are N labels: the run is the same."""
    x, y = images(40, 8, 8), np.arange(40) % 3
    for name, labels in (("row", y), ("column", y[:, None].astype(kind))):
        np.savez("data.npz", x=x, y=labels)
        run(cnnc.compile(SMALL % "1x8x8"), "--data=data.npz", f"--out={name}")
    assert losses(Path("row/log.csv")) == losses(Path("column/log.csv"))


@pytest.mark.parametrize(
    ("outputs", "y"), [(2, ARRAYS.normal(size=(40, 2))), (1, np.arange(40)), (1, np.arange(40) / 7)]
)
def test_regression_from_arrays(outputs: int, y: Any, run: Run) -> None:
    """Numbers are no classes, whole or not, and are shared out over their range."""
    np.savez("data.npz", x=images(40, 8, 8), y=y)
    run(
        cnnc.compile((SMALL % "1x8x8").replace("fc(3)", f"fc({outputs})").replace("cross_entropy", "mse")),
        "--data=data.npz",
    )
    assert len(losses()) == 4


def test_two_tasks_from_arrays(run: Run) -> None:
    """A class and an image, which have arrays of their own."""
    net = cnnc.load(ROOT / "examples/train/multitask.cnn")
    np.savez("data.npz", x=images(200, 8, 8), digit=np.arange(200) % 10, image=images(200, 8, 8)[:, None] / 255)
    run(net, "--data=data.npz", "--max-steps=2")
    assert len(losses()) == 2


def test_a_gpu_that_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="PyTorch finds no GPU"):
        run(cnnc.compile(SMALL % "1x8x8"), "--data=synthetic", "--device=cuda")


WRONG = {
    "no target": ({"x": images(9, 8, 8)}, "there is no array label"),
    "lengths": ({"x": images(9, 8, 8), "y": np.zeros(8)}, "differ in length: 8, 9"),
    "shape": ({"x": ARRAYS.normal(size=(9, 7)), "y": np.arange(9) % 3}, "samples of 7, the network takes 1×8×8"),
    "classes": ({"x": images(9, 8, 8), "y": np.arange(9)}, "has a class 8, the network tells 3 apart"),
    "negative": ({"x": images(9, 8, 8), "y": np.arange(9) % 3 - 1}, "class -1, the network tells 3 apart"),
    "fractions": ({"x": images(9, 8, 8), "y": np.arange(9) / 4}, "label must hold a whole number for each sample"),
    "one-hot": ({"x": images(9, 8, 8), "y": np.eye(9, 3)}, "label must hold a whole number for each sample"),
    "words": ({"x": images(3, 8, 8), "y": np.array(["a", "b", "c"])}, "label must hold a whole number"),
    "empty": ({"x": images(0, 8, 8), "y": np.zeros(0, int)}, "the arrays are empty"),
    "few": ({"x": images(2, 8, 8), "y": np.zeros(2, int)}, "too few samples"),
    "no test": ({"x_train": images(9, 8, 8), "y_train": np.zeros(9, int)}, "no array input_test or x_test"),
}


@pytest.mark.parametrize("name", WRONG)
def test_arrays_that_do_not_fit(name: str, run: Run) -> None:
    arrays, message = WRONG[name]
    np.savez("data.npz", **arrays)
    with pytest.raises(SystemExit, match=message):
        run(cnnc.compile(SMALL % "1x8x8"), "--data=data.npz")


def test_more_classes_than_the_network_knows(run: Run) -> None:
    """Ten digits for a network of three classes, masks of four."""
    for loss in ("cross_entropy", "bce_logits", "hinge"):
        with pytest.raises(SystemExit, match="the data has a class 9, the network tells 3 apart"):
            run(cnnc.compile((SMALL % "1x8x8").replace("cross_entropy", loss)), "--data=digits")
    np.savez("data.npz", x=images(9, 8, 8), y=ARRAYS.integers(0, 4, (9, 8, 8)))
    text = "input 1x8x8 -> conv1x1(3) train { loss = cross_entropy(dense=true), optimizer = adam }"
    with pytest.raises(SystemExit, match="a mask has a class 3, the network tells 3 apart"):
        run(cnnc.compile(text), "--data=data.npz")


def test_a_damaged_image(run: Run) -> None:
    write_folder_of_classes()
    Path("data/cat/3.png").write_bytes(b"zz")
    with pytest.raises(SystemExit, match=r"data/cat/3\.png: it is not an image, or it is damaged"):
        run(cnnc.compile(SMALL % "3x8x8"), "--data=data")


def test_damaged_data(run: Run) -> None:
    Path("data.npz").write_bytes(b"not an archive")
    with pytest.raises(SystemExit, match=r"data\.npz: "):
        run(cnnc.compile(SMALL % "1x8x8"), "--data=data.npz")
    write_mnist()
    Path("data/MNIST/raw/train-images-idx3-ubyte").unlink()
    with pytest.raises(SystemExit, match="mnist is not there"):
        run(cnnc.compile(SMALL % "1x8x8"), "--data=mnist:data")


def test_a_network_that_pytorch_cannot_export(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Its trained weights are kept all the same."""
    run(cnnc.compile((SMALL % "1x8x8").replace("flatten", "rrelu -> flatten")), "--data=synthetic")
    assert "PyTorch cannot export this network to ONNX" in capsys.readouterr().out
    assert Path("run/model.pth").exists() and not Path("run/model.onnx").exists()


def test_an_earlier_run_is_not_overwritten(run: Run) -> None:
    net = cnnc.compile(SMALL % "1x8x8")
    run(net, "--data=synthetic")
    with pytest.raises(SystemExit, match="has a checkpoint: go on from it with --resume"):
        run(net, "--data=synthetic")


def test_a_schedule_that_does_not_fit_the_run(run: Run) -> None:
    """In steps it is compared when the data is there: here 100 steps."""
    text = (SMALL % "1x8x8").replace("epochs", "schedule = %s, epochs")
    with pytest.raises(SystemExit, match="the schedule needs at least 501 steps, the run has 100"):
        run(cnnc.compile(text % "warmup(500, by=step) -> cosine"), "--data=synthetic")
    with pytest.raises(SystemExit, match="the schedule ends after step 30 of 100"):
        run(cnnc.compile(text % "cosine(30, by=step)"), "--data=synthetic")


def test_a_loss_that_is_no_number(run: Run) -> None:
    text = SMALL % "1x8x8"
    with pytest.raises(SystemExit, match=r"the loss is (nan|inf); lower the learning rate"):
        run(cnnc.compile(text.replace("adam", "sgd(lr=1e38)")), "--data=synthetic")


# What is measured


def test_metrics() -> None:
    """The area under the curve is scikit-learn's, ties and all; overlaps are those of sets."""
    space: dict[str, Any] = {}
    exec("import torch\nfrom torch.nn import functional as F\n" + _functions(), space)
    same, different = ARRAYS.integers(0, 20, 300) / 10, ARRAYS.integers(5, 30, 200) / 10
    truth = [1] * 300 + [0] * 200
    wanted = roc_auc_score(truth, -np.concatenate([same, different]))
    assert space["auc"](torch.tensor(same), torch.tensor(different)) == pytest.approx(wanted, rel=1e-12)
    found, mask = torch.tensor([[0, 1, 2, 2]]), torch.tensor([[0, 2, 2, 255]])
    assert space["overlap"](found, mask, 3, 255).tolist() == [[1, 0, 1], [1, 1, 2]]
    flags = space["flags"](torch.tensor([True, True, False]), torch.tensor([True, False, False]))
    assert flags.tolist() == [[1], [2]]
    assert space["share"](torch.tensor([True, False, True])).tolist() == [[2], [3]]
    assert space["error"](torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])).tolist() == [[3], [2]]


def _functions() -> str:
    from cnnc.backends.train import targets

    return "\n".join([targets.AUC, targets.OVERLAP, targets.FLAGS, targets.SHARE, targets.ERROR])
