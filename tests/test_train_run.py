"""Training scripts run: every kind of data and option, and that each learns what it is given."""

import csv
import io
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


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("form", ["column", "one-hot"])
def test_forms_of_labels(form: str, kind: type, run: Run) -> None:
    """N×1 labels of any whole type are N labels, and so are N vectors with a single 1: the run is the same."""
    x, y = images(40, 8, 8), np.arange(40) % 3
    other = y[:, None] if form == "column" else np.eye(3)[y]
    for name, labels in (("row", y), ("column", other.astype(kind))):
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
    "two-hot": ({"x": images(9, 8, 8), "y": np.ones((9, 3))}, "or vectors with a single 1"),
    "classes of one-hot": ({"x": images(9, 8, 8), "y": np.eye(9)}, "label must hold a whole number for each sample"),
    "ignored": ({"x": images(9, 8, 8), "y": np.arange(9) % 3 - 100}, "class -99, the network tells 3 apart"),
    "number": ({"x": images(9, 8, 8), "y": np.float32(3)}, "is a single number"),
    "text": ({"x": np.array(["a"] * 9), "y": np.arange(9) % 3}, "input must hold numbers"),
    "size": ({"x": ARRAYS.normal(size=(9, 1, 9, 9)), "y": np.arange(9) % 3}, "of 1×9×9, the network takes 1×8×8"),
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


def damaged(kind: str) -> bytes:
    """A file that is not an image, or only part of one."""
    data = io.BytesIO()
    Image.fromarray(images(40, 40, 3)).save(data, "JPEG" if kind == "jpeg" else "PNG")
    whole = data.getvalue()
    return {"empty": b"", "text": b"zz", "chunk": whole[:60] + b"broken" + whole[66:]}.get(
        kind, whole[: len(whole) // 2]
    )


@pytest.mark.parametrize("kind", ["empty", "text", "chunk", "png", "jpeg"])
def test_a_damaged_image(kind: str, run: Run) -> None:
    """One line with its name, in the folders of classes and among images and masks."""
    write_folder_of_classes()
    Path("data/cat/3.png").write_bytes(damaged(kind))
    with pytest.raises(SystemExit, match=r"^data/cat/3\.png: .+$"):
        run(cnnc.compile(SMALL % "3x8x8"), "--data=data")
    text = "input 3x8x8 -> conv1x1(3) train { loss = cross_entropy(dense=true), optimizer = adam, epochs = 1 }"
    for part in ("images", "masks"):
        save_images(Path(f"masks_{part}/images"), 5)
        save_images(Path(f"masks_{part}/masks"), 5, "1")
        Path(f"masks_{part}/{part}/0.png").write_bytes(damaged(kind))
        with pytest.raises(SystemExit, match=rf"^masks_{part}/{part}/0\.png: .+$"):
            run(cnnc.compile(text), f"--data=masks_{part}")


def test_a_damaged_image_in_a_process_that_loads(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is the same without the traceback that the process adds: here none is read before the training."""
    write_folder_of_classes()
    for path in Path("data/cat").glob("*.png"):
        path.write_bytes(damaged("png"))
    text = cnnc.compile(SMALL % "3x8x8").train_source("data").replace("range(0, len(samples), ", "range(7, 8, ")
    monkeypatch.setattr(cnnc.Net, "train_source", lambda self, where: text)
    with pytest.raises(SystemExit, match=r"^data/cat/\d\.png: image file is truncated[^\n]*$"):
        run(cnnc.compile(SMALL % "3x8x8"), "--data=data", "--workers=1")


def test_no_data(run: Run) -> None:
    net = cnnc.compile(SMALL % "1x8x8")
    with pytest.raises(SystemExit, match="--data is empty; there is digits"):
        run(net, "--data=")
    with pytest.raises(cnnc.CnncError) as caught:
        net.train_source("")
    assert caught.value.code == "E0590" and "it is empty" in str(caught.value)


@pytest.mark.parametrize("missing", ["onnxscript", "onnx"])
def test_what_is_missing_at_the_end_is_told_at_the_start(
    missing: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit, match=f"{missing}.*the trained model is exported with it"):
        run(cnnc.compile(SMALL % "1x8x8"), "--data=synthetic")
    assert not Path("run").exists()


@pytest.mark.parametrize("name", ["checkpoint.pt", "model.pth", "model.onnx", "preprocessing.json"])
def test_a_folder_where_a_file_is_to_be(name: str, run: Run) -> None:
    Path("run", name).mkdir(parents=True)
    with pytest.raises(SystemExit, match=f"run/{name}|run has a checkpoint"):
        run(cnnc.compile(SMALL % "1x8x8"), "--data=synthetic")
    assert not Path("run/log.csv").exists()


def test_a_damaged_checkpoint(run: Run) -> None:
    net = cnnc.compile(SMALL % "1x8x8")
    Path("run").mkdir()
    for data in (b"", b"zz", None):
        if data is None:
            torch.save({"epoch": 1}, "run/checkpoint.pt")
        else:
            Path("run/checkpoint.pt").write_bytes(data)
        with pytest.raises(SystemExit, match=r"run/checkpoint\.pt is not a checkpoint, or it is damaged"):
            run(net, "--data=synthetic", "--resume")


def test_a_run_that_ended_before_its_first_checkpoint(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Resumed, it begins at its start, and says so."""
    net = cnnc.compile(SMALL % "1x8x8")
    run(net, "--data=synthetic", "--max-steps=3", "--out=whole")
    Path("run").mkdir()
    Path("run/log.csv").write_text("step,loss,lr\n1,7.0,1.0\n2,7.0,1.0\n")
    run(net, "--data=synthetic", "--max-steps=3", "--resume")
    assert "run has no checkpoint to go on from: the run begins at its start" in capsys.readouterr().out
    assert losses() == losses(Path("whole/log.csv")) and Path("run/checkpoint.pt").exists()


# Arrays as they are


def test_numbers_are_taken_as_they_are(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The first loss is that of the raw numbers; bytes are images, which are standardised."""
    x, y = ARRAYS.normal(3, 20, (40, 8, 8)).astype(np.float32), np.arange(40) % 3
    net = cnnc.compile((SMALL % "1x8x8").replace("batch = 8", "batch = full"))
    for name, array in (("floats", x), ("wide", x.astype(np.int64)), ("bytes", images(40, 8, 8))):
        np.savez("data.npz", x=array, y=y)
        space = run(net, "--data=data.npz", f"--out={name}")
        scales = json.loads(Path(name, "preprocessing.json").read_text())
        told = capsys.readouterr().out
        if name == "bytes":
            assert scales[0]["mean"][0] == pytest.approx(0.5, abs=0.05) and "images, standardised" in told
            continue
        assert scales == [{"mean": [0.0], "std": [1.0]}] and "input: taken as it is" in told
        torch.manual_seed(0)
        kept = space["split"](space["Arrays"]([array[:, None]], {"label": y}), y)[0].indices
        raw = torch.from_numpy(array[kept, None].astype(np.float32))
        wanted = torch.nn.functional.cross_entropy(space["Net"]()(raw), torch.from_numpy(y[kept]))
        assert losses(Path(name, "log.csv"))[0] == pytest.approx(wanted.item(), rel=1e-5)


def test_an_array_of_images_to_reach(run: Run) -> None:
    """Of an autoencoder the target is the image, or what `y` has where that is an image; labels are not."""
    x = ARRAYS.normal(size=(40, 1, 8, 8)).astype(np.float32)
    text = "input 1x8x8 -> scale train { loss = mse, optimizer = sgd(lr=0), epochs = 1, batch = full%s }"
    for name, y, wanted in (("image", x + 2, 4.0), ("labels", np.arange(40) % 3, 0.0)):
        np.savez("data.npz", x=x, y=y)
        run(cnnc.compile(text % ""), "--data=data.npz", f"--out={name}")
        assert losses(Path(name, "log.csv"))[0] == pytest.approx(wanted, rel=1e-5)
    np.savez("data.npz", x=x, y=x + 2)
    with pytest.raises(SystemExit, match="`flip` would move the images and not y"):
        run(cnnc.compile(text % ", augment = [noise, flip]"), "--data=data.npz")


def test_colours_of_what_is_not_an_image(run: Run) -> None:
    """Changing colours cuts values off at 0 and 1, which would spoil numbers that go further."""
    np.savez("data.npz", x=ARRAYS.normal(size=(40, 1, 8, 8)), y=np.arange(40) % 3)
    with pytest.raises(SystemExit, match="`jitter` changes images, whose values go from 0 to 1"):
        run(cnnc.compile((SMALL % "1x8x8").replace("epochs", "augment = [flip, jitter], epochs")), "--data=data.npz")


def test_targets_beyond_what_the_loss_takes(run: Run) -> None:
    np.savez("data.npz", x=images(40, 8, 8), y=255 * (np.arange(40) % 2))
    text = "input 1x8x8 -> flatten -> fc(1) -> sigmoid train { loss = bce, optimizer = adam, epochs = 1 }"
    with pytest.raises(SystemExit, match="label has values from 0 to 255, the loss takes 0 to 1"):
        run(cnnc.compile(text), "--data=data.npz")
    np.savez("data.npz", x=images(40, 8, 8), y=ARRAYS.normal(size=(40, 1)))
    with pytest.raises(SystemExit, match="label must hold"):
        run(cnnc.compile((SMALL % "1x8x8").replace("cross_entropy", "mse")), "--data=data.npz")


# What is left out


@pytest.mark.parametrize("ignore", [-100, 255, 2])
def test_ignored_labels(ignore: int, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """They pass the checks and count in neither loss nor accuracy; a batch of nothing else is 0 of 0."""
    y = np.where(np.arange(100) % 10 == 0, np.arange(100) // 10 % 2, ignore)
    np.savez("data.npz", x=images(100, 8, 8), y=y)
    text = (
        (SMALL % "1x8x8").replace("batch = 8", "batch = 3").replace("cross_entropy", f"cross_entropy(ignore={ignore})")
    )
    space = run(cnnc.compile(text), "--data=data.npz")
    assert np.isfinite(losses()).all() and 0.0 in losses() and max(losses()) > 0
    assert "nan" not in capsys.readouterr().out
    t = torch.tensor([0, ignore, 1, ignore])
    right = torch.eye(3)[[0, 1, 0, 0]]
    assert space["measure"](right, t)["accuracy"].tolist() == [[1], [2]]


@pytest.mark.parametrize("part", ["all", "test"])
def test_an_epoch_in_which_nothing_counts(part: str, run: Run) -> None:
    arrays = {"x_train": images(20, 8, 8), "y_train": np.arange(20) % 3, "x_test": images(5, 8, 8)}
    arrays |= {"y_test": np.full(5, -100), **({"y_train": np.full(20, -100)} if part == "all" else {})}
    np.savez("data.npz", **arrays)
    with pytest.raises(
        SystemExit, match=f"{'epoch 1' if part == 'all' else 'the test samples'}: the loss leaves out every"
    ):
        run(cnnc.compile(SMALL % "1x8x8"), "--data=data.npz")


@pytest.mark.parametrize("augment", ["crop(4)", "rotate(180)", "shift(0.5)", "[crop(3), rotate(30), shift(0.2)]"])
@pytest.mark.parametrize(
    ("loss", "value"),
    [("cross_entropy(dense=true, ignore=255)", 255), ("cross_entropy(dense=true)", -100), ("bce_logits", None)],
)
def test_borders_of_moved_masks(augment: str, loss: str, value: int | None, run: Run) -> None:
    """What comes in from beyond the border is left out; where the loss leaves out nothing, the edge is repeated."""
    head = "conv3x3(1, p=1)" if "bce" in loss else "conv3x3(3, p=1)"
    text = f"input 3x12x10 -> {head} train {{ loss = {loss}, optimizer = adam, augment = {augment}, epochs = 1 }}"
    space = run(cnnc.compile(text), "--data=synthetic", "--max-steps=1")
    seen: set[int] = set()
    for _ in range(30):
        image, mask = space["AUGMENT"](torch.ones(3, 12, 10), space["tv_tensors"].Mask(torch.ones(12, 10).long()))
        assert image.shape == (3, 12, 10) and mask.shape == (12, 10)
        assert value is None or torch.equal(mask == 1, image[0] == 1)
        assert value is not None or (image == 1).all()
        seen |= set(mask.flatten().tolist())
    assert seen == ({1} if value is None else {1, value})


def test_overlap_of_an_ignored_class() -> None:
    """A class that is left out has no overlap that could be measured, however often it is found."""
    space: dict[str, Any] = {}
    exec("import math\nimport torch\nfrom torch.nn import functional as F\n" + _functions(), space)
    found, mask = torch.tensor([[0, 1, 0, 2]]), torch.tensor([[0, 1, 1, 2]])
    assert space["overlap"](found, mask, 3, 0).tolist() == [[0, 1, 1], [0, 2, 1]]
    assert np.isnan(space["auc"](torch.ones(3), torch.ones(0)))


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
