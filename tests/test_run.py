"""`cnnc run`: preprocessing as torchvision's, the same results on every place, maps and masks, images that are none."""

import os
import subprocess
import sys
from pathlib import Path

import cnnc
import numpy as np
import pytest
import torch
from cnnc.backends import images
from cnnc.backends.inference import Result, last_op
from cnnc.backends.readings import Reading
from PIL import Image
from safetensors.torch import save_file

NET = "input 3x32x32 -> conv3x3(8, s=2) -> bn -> relu -> gap -> fc(10)"
DENSE = "input 3x32x32 -> conv3x3(8, s=2, p=1) -> relu -> upsample2 -> conv1x1(3) -> softmax"


def run(*args: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("cnnc")), "run", *args]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, input=stdin, env=dict(os.environ), timeout=120
    )


def picture(path: Path, width: int = 70, height: int = 50, channels: int = 3) -> Path:
    """A smooth picture with some noise."""
    random = np.random.default_rng(width)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / (3 + c)) * np.cos(y / (4 + c)) for c in range(channels)], -1)
    pixels = 127 + 90 * waves + random.normal(0, 10, waves.shape)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8).squeeze()).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture and weights of NET."""
    picture(tmp_path / "a.png")
    save_file(cnnc.compile(NET).to_torch(seed=7).state_dict(), tmp_path / "w.safetensors")
    return tmp_path


# Preprocessing


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (224, 224), (97, 641), (30, 20)])
@pytest.mark.parametrize("target", [224, 32])
def test_preprocessing_is_torchvisions(tmp_path: Path, size: tuple[int, int], target: int) -> None:
    from torchvision import transforms

    path = picture(tmp_path / "a.png", *size)
    steps = [
        transforms.Resize(round(target * 256 / 224)),
        transforms.CenterCrop(target),
        transforms.ToTensor(),
        transforms.Normalize(images.MEAN, images.STD),
    ]
    wanted = transforms.Compose(steps)(Image.open(path).convert("RGB"))[None].numpy()
    found = images.load(path, (3, target, target), images.MEAN, images.STD)
    assert found.dtype == np.float32 and np.abs(found - wanted).max() < 1e-6


def test_preprocessing_by_hand(tmp_path: Path) -> None:
    """A picture of one colour keeps it, whatever its size."""
    Image.new("RGB", (91, 40), (51, 102, 204)).save(tmp_path / "a.png")
    plain = images.load(tmp_path / "a.png", (3, 16, 24))
    assert plain.shape == (1, 3, 16, 24)
    assert np.allclose(plain, np.array([0.2, 0.4, 0.8]).reshape(1, 3, 1, 1))
    shifted = images.load(tmp_path / "a.png", (3, 16, 24), (0.2, 0.3, 0.4), (1, 0.5, 2))
    assert np.allclose(shifted, np.array([0, 0.2, 0.2]).reshape(1, 3, 1, 1), atol=1e-6)
    assert images.usual(1, images.MEAN) == (0.449,) and images.usual(3, images.STD) == images.STD


def test_modes(tmp_path: Path) -> None:
    """Grey, palettes with transparency, 16 bits and pictures that lie on their side."""
    Image.new("L", (20, 20), 51).save(tmp_path / "grey.png")
    assert np.allclose(images.load(tmp_path / "grey.png", (3, 8, 8)), 0.2)
    assert images.load(tmp_path / "grey.png", (1, 8, 8)).shape == (1, 1, 8, 8)
    Image.fromarray(np.full((20, 20), 2**15, np.uint16)).save(tmp_path / "deep.png")
    assert np.allclose(images.load(tmp_path / "deep.png", (1, 8, 8)), 0.5, atol=0.01)
    palette = Image.new("P", (20, 20), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(tmp_path / "palette.png", transparency=b"\0\x80")
    assert images.load(tmp_path / "palette.png", (3, 8, 8))[0, :, 0, 0].tolist() == [1, 0, 0]
    side = Image.fromarray(np.repeat(np.uint8([[0, 255]]), 20, 1).repeat(20, 0))
    exif = side.getexif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    side.save(tmp_path / "side.png", exif=exif)
    upright = images.load(tmp_path / "side.png", (1, 8, 8))[0, 0]
    assert upright[0].max() < 0.1 and upright[-1].min() > 0.9


# Results


def test_every_place_gives_the_same(folder: Path) -> None:
    """The probabilities are those of the module on the preprocessed picture, on each place to four digits."""
    texts = {}
    for on in ("cpu", "onnx", "numpy"):
        result = run("-e", NET, "--input", "a.png", "--weights", "w.safetensors", "--on", on, cwd=folder)
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
        texts[on] = result.stdout
    assert texts["cpu"] == texts["onnx"] == texts["numpy"]
    net = cnnc.compile(NET)
    pixels = torch.from_numpy(images.load(folder / "a.png", (3, 32, 32), images.MEAN, images.STD))
    with torch.no_grad():
        wanted = net.to_torch(seed=7).eval()(pixels).softmax(1)[0]
    lines = texts["cpu"].splitlines()
    assert lines[0] == "a.png" and len(lines) == 6
    best = wanted.argsort(descending=True)[:5]
    assert [int(line.split()[1]) for line in lines[1:]] == best.tolist()
    assert [float(line.split()[0]) for line in lines[1:]] == pytest.approx(wanted[best].tolist(), abs=6e-5)


def test_arrays_of_every_place(folder: Path) -> None:
    for on in ("cpu", "onnx", "numpy"):
        result = run("-e", DENSE, "--input", "a.png", "--on", on, "-o", f"{on}.npy", cwd=folder)
        assert result.returncode == 0 and "W0610" in result.stderr
    cpu, onnx, numpy = (np.load(folder / f"{on}.npy") for on in ("cpu", "onnx", "numpy"))
    assert cpu.shape == (3, 32, 32)
    assert np.abs(cpu - numpy).max() < 1e-5 and np.abs(onnx - numpy).max() < 1e-5


def test_labels_top_and_random_weights(folder: Path) -> None:
    (folder / "labels.txt").write_text("\n".join(f"class {i}" for i in range(10)) + "\n")
    result = run("-e", NET, "--input", "a.png", "--labels", "labels.txt", "--top", "2", "--seed", "3", cwd=folder)
    lines = result.stdout.splitlines()
    assert len(lines) == 3 and all(line.split()[1] == line.split()[-1] for line in lines[1:])
    assert result.stderr.startswith("warning[W0610]: the weights are random") and "seed 3" in result.stderr


def test_softmax_only_where_there_is_none() -> None:
    def op(text: str) -> str:
        return last_op(cnnc.compile(text).graph.outputs[0].value)

    assert op("input 3x8x8 -> gap -> fc(4) -> softmax") == "softmax"
    assert op("block head = fc(4) -> softmax -> dropout(0.1)\ninput 3x8x8 -> gap -> head -> flatten") == "softmax"
    assert op("input 3x8x8 -> gap -> fc(4)") == "fc" and op("input 3 -> flatten") == ""
    scores = np.array([1.0, 3.0, 2.0])
    soft = np.exp(scores) / np.exp(scores).sum()
    assert np.allclose(Result("y", scores, "fc").probabilities(), soft)
    assert np.allclose(Result("y", soft, "softmax").probabilities(), soft)
    assert np.allclose(Result("y", np.log(soft), "logsoftmax").probabilities(), soft)
    assert Result("y", scores, "fc").best(2)[0][0] == 1
    assert Result("y", np.array([7.5]), "fc").probabilities() == [7.5]


def test_masks(folder: Path) -> None:
    result = run("-e", DENSE, "--input", "a.png", "-o", "mask.png", cwd=folder)
    assert result.returncode == 0 and "wrote mask.png" in result.stderr
    run("-e", DENSE, "--input", "a.png", "-o", "scores.npy", cwd=folder)
    mask = Image.open(folder / "mask.png")
    assert mask.mode == "P" and (np.asarray(mask) == np.load(folder / "scores.npy").argmax(0)).all()
    assert mask.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]  # PASCAL VOC: background, aeroplane, bicycle
    single = np.array([[[-1.0, 0.2, 0.7]]])
    assert Result("y", single, "conv").classes().tolist() == [[0, 1, 1]]
    assert Result("y", single, "sigmoid").classes().tolist() == [[0, 0, 1]]


IMAGES = {
    "input 3x16x16 -> id": "normalised as the input is",
    "input 3x16x16 -> res(scale(0, learn=false))": "normalised as the input is",
    "input 1x16x16 -> res(scale(0, learn=false))": "normalised as the input is",
    "input 1x16x16 -> upsample2": "normalised as the input is",
    "input 3x16x16 -> upsample2(mode=nearest) train { loss = mse }": "normalised as the input is",
    "input 1x16x16 -> id train { loss = l1 }": "normalised as the input is",
}
"""Networks that give back the image, once and twice as large."""


@pytest.mark.parametrize("text", IMAGES)
@pytest.mark.parametrize("options", [(), ("--no-normalize",), ("--mean", "0.5", "--std", "0.25")])
def test_images_come_out_as_they_went_in(folder: Path, text: str, options: tuple[str, ...]) -> None:
    """However the input was normalised: it is undone, pixel by pixel."""
    result = run("-e", text, "--input", "a.png", "-o", "out.png", *options, cwd=folder)
    assert result.returncode == 0, result.stderr
    told = "from 0 to 1, as the input is" if "--no-normalize" in options else IMAGES[text]
    assert told in result.stdout and "beyond" not in result.stdout
    grey = "1x16x16" in text
    wanted = 255 * images.load(folder / "a.png", (1 if grey else 3, 16, 16))[0].transpose(1, 2, 0).squeeze()
    found = Image.open(folder / "out.png")
    assert found.mode == ("L" if grey else "RGB")
    if "upsample2" in text:
        wanted = wanted.repeat(2, 0).repeat(2, 1)
    assert np.abs(np.asarray(found, float) - wanted).max() <= 1


RANGED = {
    "tanh": ("an image from -1 to 1, between which tanh keeps it", -1, 1),
    "softsign": ("an image from -1 to 1", -1, 1),
    "sigmoid": ("an image from 0 to 1, between which sigmoid keeps it", 0, 1),
    "hardsigmoid": ("an image from 0 to 1", 0, 1),
    "hardtanh(-2, 3)": ("an image from -2 to 3", -2, 3),
    "tanh -> pixelshuffle(2)": ("an image from -1 to 1", -1, 1),
}


@pytest.mark.parametrize("last", RANGED)
def test_images_in_the_range_of_the_last_layer(folder: Path, last: str) -> None:
    told, low, high = RANGED[last]
    head = "conv3x3(12, p=1)" if "shuffle" in last else "conv3x3(3, p=1)"
    for out in ("out.png", "out.npy"):
        result = run("-e", f"input 3x16x16 -> {head} -> {last}", "--input", "a.png", "-o", out, cwd=folder)
        assert f"read as {told}" in result.stdout, result.stdout + result.stderr
    values = np.load(folder / "out.npy").transpose(1, 2, 0)
    shown = np.asarray(Image.open(folder / "out.png"), float)
    assert shown.shape == values.shape and np.abs(shown - 255 * (values - low) / (high - low)).max() <= 0.51


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("conv1x1(3) -> softmax", "the class with the highest score"),
        ("conv1x1(3) train { loss = cross_entropy(dense=true) }", "the class with the highest score"),
        ("conv1x1(3) -> logsoftmax train { loss = nll(dense=true) }", "the class with the highest score"),
        ("conv1x1(3) train { loss = bce_logits }", "the class with the highest score"),
        ("conv1x1(4)", "the class with the highest score"),
        ("conv1x1(2) -> tanh", "the class with the highest score"),
        ("conv1x1(1)", "1 where it is above 0"),
        ("conv1x1(1) train { loss = bce_logits }", "1 where it is above 0"),
        ("conv1x1(1) -> sigmoid", "1 where it is above 0.5"),
        ("conv1x1(1) -> hardsigmoid", "1 where it is above 0.5"),
    ],
)
def test_maps_of_classes_stay_masks(folder: Path, text: str, told: str) -> None:
    result = run("-e", f"input 3x8x8 -> {text}", "--input", "a.png", "-o", "out.png", cwd=folder)
    assert f"read as {told}" in result.stdout, result.stdout + result.stderr
    assert Image.open(folder / "out.png").mode == "P"


def test_each_output_has_its_reading(folder: Path) -> None:
    text = "input 3x8x8 -> conv3x3(8, p=1) as t\n"
    text += "output image = t -> conv1x1(3) -> tanh, mask = t -> conv1x1(3), n = t -> gap\n"
    text += "train { loss = mse(image) + cross_entropy(mask, dense=true) + mse(n) }"
    result = run("-e", text, "--input", "a.png", "-o", "out.png", cwd=folder)
    assert result.returncode == 2 and "E0552" in result.stderr  # n is not a map
    assert "read as an image from -1 to 1" in result.stdout and "read as the class with the highest" in result.stdout
    assert Image.open(folder / "out-image.png").mode == "RGB" and Image.open(folder / "out-mask.png").mode == "P"


def test_what_lies_beyond_the_range_is_told(folder: Path) -> None:
    """And what is no number is black."""
    text = "input 3x8x8 -> scale(2, learn=false) -> scale(2, learn=false)"
    result = run("-e", text, "--input", "a.png", "--no-normalize", "-o", "out.png", cwd=folder)
    assert "of the values lie beyond and are cut off" in result.stdout
    reading = Reading(True, "")
    array = np.array([[[np.nan, -1.0, 0.5, 2.0, np.inf, -np.inf]]])
    assert reading.pixels(array)[0, :, 0].tolist() == [0, 0, 128, 255, 255, 0]
    assert reading.outside(array) == pytest.approx(5 / 6)


def test_a_folder_with_a_broken_image(folder: Path) -> None:
    """The others are run; the status tells that one could not be."""
    picture(folder / "c.jpg", 40, 60)
    (folder / "b.png").write_text("no image")
    result = run("-e", DENSE, "--input", ".", "-o", "mask.png", cwd=folder)
    assert result.returncode == 2 and result.stderr.count("E0551") == 1 and "b.png" in result.stderr
    assert [line for line in result.stdout.splitlines() if not line.startswith(" ")] == ["a.png", "c.jpg"]
    assert (folder / "mask-a.png").exists() and (folder / "mask-c.png").exists()


def test_several_outputs_and_grey(folder: Path) -> None:
    text = "input 1x16x16 -> conv3x3(4, p=1) as stem\noutput map = stem, scores = stem -> gap -> fc(3)"
    result = run("-", "--input", "a.png", "-o", "out.npy", cwd=folder, stdin=text)
    assert "a.png: map" in result.stdout and "a.png: scores" in result.stdout
    assert np.load(folder / "out-map.npy").shape == (4, 16, 16) and np.load(folder / "out-scores.npy").shape == (3,)


@pytest.mark.parametrize("on", ["cpu", "numpy"])
def test_profile(folder: Path, on: str) -> None:
    """Each layer's share of the predicted MACs stands beside its time; the shares add up to the whole."""
    text = run("-e", NET, "--input", "a.png", "--profile", "--on", on, cwd=folder).stdout
    table = [line.split() for line in text.partition("\n\n")[0].splitlines()[1:]]
    shares = {row[0]: float(row[-1].rstrip("%")) for row in table}
    net = cnnc.compile(NET)
    for layer in net.layers:
        if layer.op in ("conv", "fc"):
            assert shares[layer.name] == pytest.approx(100 * layer.macs / net.macs, abs=0.06)
    assert table[-1][:2] == ["in", "all"] and table[-1][-2:] == ["100.0%", "100.0%"]


def test_help(tmp_path: Path) -> None:
    text = run("--help", cwd=tmp_path).stdout
    assert "example" in text and "--shape" in text and "--no-normalize" in text


# Wrong requests


def test_huge_images_are_refused(folder: Path) -> None:
    """A few kilobytes that unpack to a hundred million pixels, and a strip that resizing would make huge."""
    Image.new("1", (10_000, 10_000)).save(folder / "bomb.png")
    Image.new("1", (4, 100_000_000 // 256)).save(folder / "strip.png")
    for name in ("bomb.png", "strip.png"):
        result = run("-e", NET, "--shape", "3x224x224", "--input", name, "--weights", "w.safetensors", cwd=folder)
        assert result.returncode == 2 and result.stdout == ""
        assert "E0551" in result.stderr and name in result.stderr and "pixels" in result.stderr


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("-e", NET, "--input", "missing.png"), "E0551", "no such file"),
        (("-e", NET, "--input", "w.safetensors"), "E0551", "it is not an image"),
        (("-e", NET, "--input", "cut.png"), "E0551", "cut.png"),
        (("-e", NET, "--input", "empty"), "E0551", "no file with the ending of an image"),
        (("-e", "input 4x8x8 -> gap", "--input", "a.png"), "E0550", "its input is 4×8×8"),
        (("-e", "input 3x100 -> gap", "--input", "a.png"), "E0550", "its input is 3×100"),
        (("-e", "input a: 3x8x8, b: 3x8x8\noutput y = a -> (id + b)", "--input", "a.png"), "E0550", "2 inputs: a, b"),
        (("-e", DENSE, "--input", "a.png", "-o", "out.jpg"), "E0552", ".npy or .png"),
        (("-e", NET, "--input", "a.png", "-o", "out.png"), "E0552", "output is 10, no map"),
        (("-e", "input 3x8x8 -> conv1x1(300)", "--input", "a.png", "-o", "o.png"), "E0552", "300 classes"),
        (("-e", NET, "--input", "a.png", "--mean", "1,2"), "E0553", "`1,2`"),
        (("-e", NET, "--input", "a.png", "--std", "0"), "E0553", "3 channels"),
        (("-e", NET, "--input", "a.png", "--labels", "three.txt"), "E0554", "3 lines, output 10 classes"),
        (("-e", NET, "--input", "a.png", "--labels", "none.txt"), "E0501", "none.txt"),
        (("-e", NET, "--input", "a.png", "--weights", "none.safetensors"), "E0501", "none.safetensors"),
        (("-e", DENSE, "--input", "a.png", "--weights", "w.safetensors"), "E0508", "missing"),
        (("-e", NET, "--input", "a.png", "--on", "onnx", "--profile"), "E0515", "fuses layers"),
        (("-e", "input 3xHxW -> gap", "--input", "a.png"), "E0331", "--shape 3x224x224"),
        (("-e", NET, "--input", "a.png", "--shape", "3x2000000x2000000"), "E0515", "GiB of memory"),
        (("--input", "a.png"), "E0501", "-e TEXT"),
    ],
)
def test_wrong_requests(folder: Path, args: tuple[str, ...], code: str, told: str) -> None:
    (folder / "three.txt").write_text("a\nb\nc\n")
    (folder / "empty").mkdir()
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:2000])
    before = sorted(folder.iterdir())
    result = run(*args, cwd=folder)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    error = result.stderr[result.stderr.index("error[") :]
    assert error.startswith(f"error[{code}]") and told in error and result.stderr.count("error[") == 1
    assert sorted(folder.iterdir()) == before


def test_a_chain_without_a_shape_is_told_of_the_option(folder: Path) -> None:
    result = run("-e", "conv3x3(4)", "--input", "a.png", cwd=folder)
    assert result.returncode == 1 and "E0211" in result.stderr and "pass --shape 3x224x224" in result.stderr
