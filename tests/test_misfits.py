"""Branches that do not fit because a stride divides no extent: the layer and the sizes that fit are named."""

import re

import cnnc
import pytest
from conftest import ROOT

NETS = {
    "pool": "input {} -> (id + (maxpool2 -> upsample2))",
    "concat": "input {} -> [id, maxpool2 -> maxpool2 -> upsample4]",
    "conv": "input {} -> (id * (conv3(3, s=2, p=1) -> upsample2))",
    "product": "input {} -> conv1(4) -> (id - (avgpool3 -> upsample3))",
    "remainder": "input {} -> (conv2(3) + (conv3(3, s=2) -> upsample2))",
    "nested": "input {} -> [id, maxpool2 -> [id, maxpool2 -> [id, maxpool2 -> upsample2] -> upsample2] -> upsample2]",
    "pixelshuffle": "input {} -> conv1(4) -> [id, conv2(16, s=2) -> upsample2]",
    "blocks": "block half(f) = [id, maxpool2 -> f -> upsample2]\ninput {} -> half(half(half(relu)))",
}


def misfit(text: str) -> cnnc.NetworkError | None:
    try:
        cnnc.compile(text)
    except cnnc.NetworkError as error:
        assert error.code in ("E0203", "E0204")
        return error
    return None


@pytest.mark.parametrize("name", NETS)
def test_the_sizes_that_are_named_fit(name: str) -> None:
    """Of all sizes: what is named compiles, is the nearest on its side, and the layer that rounded is labelled."""
    text, wrong = NETS[name], 0
    for extent in range(24, 60):
        error = misfit(text.format(f"3x{extent}"))
        if error is None:
            continue
        wrong += 1
        found = error.diagnostics[0]
        sizes = re.search(r"such as (\d+)(?: or (\d+))? instead of (\d+)$", found.help)
        assert sizes and int(sizes[3]) == extent, found.help
        named = [int(size) for size in sizes.groups()[:2] if size]
        assert all(misfit(text.format(f"3x{size}")) is None for size in named)
        between = range(min(named) + 1, max(named))
        assert all(misfit(text.format(f"3x{size}")) for size in between if size != extent)
        label = found.labels[-1].text
        stride = re.search(
            r"takes (\d+) to (\d+): (?:\1 is not a multiple of its stride (\d+)|its windows, 2 apart)", label
        )
        assert stride and (stride[3] is None or int(stride[1]) % int(stride[3])), label
    assert wrong > 10


def test_a_large_network() -> None:
    """The U-Net of the examples at 358: the pooling of the third level rounds 89."""
    text = (ROOT / "examples" / "unet.cnn").read_text(encoding="utf-8")
    shape = re.search(r"input (\d+x\d+x\d+)", text)
    assert shape is not None
    error = misfit(text.replace(shape[1], "3x358x368"))
    assert error is not None
    assert error.help == "the height of the input must be a multiple of 16, such as 352 or 368 instead of 358"
    assert error.diagnostics[0].labels[-1].text == "`maxpool` takes 89 to 44: 89 is not a multiple of its stride 2"
    assert misfit(text.replace(shape[1], "3x352x368")) is None


def test_one_input_of_several() -> None:
    error = misfit("input a: 3x32x32, b: 3x33x33\noutput y = b -> (id + (maxpool2 -> upsample2)), z = a -> relu")
    assert error is not None and error.help is not None
    assert error.help.startswith("the height and width of the input `b` must be multiples of 2, such as 32 or 34")


@pytest.mark.parametrize(
    "text",
    [
        "input 3x10x10 -> conv1x1(8) -> (id + conv1x1(4))",
        "input 3x9x9 -> (conv3x3(3) + maxpool3)",
        "input 3x9x9 -> [conv3x3(3), relu]",
        "input 3x9x9 -> [gap -> flatten, relu]",
        "input 3x32x32 -> (id + conv3x3(3, s=2, p=1))",
        "input 3x33x33 -> (id + conv3x3(3, s=2, p=1))",
        "input 3x9x9 -> conv(3, hin - 1) -> [id, upsample2]",
    ],
)
def test_nothing_is_made_up(text: str) -> None:
    """Where no size fits, or channels are the trouble, nothing is said of sizes or of a layer that rounds."""
    error = misfit(text)
    assert error is not None and "such as" not in str(error) and "not a multiple" not in str(error)
