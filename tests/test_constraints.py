"""What symbols must satisfy: conditions that layers impose, tried against the sizes themselves."""

import cnnc
import pytest
from cnnc.compiler.constraints import Constraint
from conftest import ROOT

UNET = "input 3xHxW -> conv3x3(8, p=1) -> [id, maxpool2 -> [id, maxpool2 -> maxpool2 -> upsample4] -> upsample2]"


def texts(text: str) -> list[str]:
    return [str(constraint) for constraint in cnnc.compile(text).constraints]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (UNET, "H and W must be multiples of 8: the concatenation at 1:52"),
        (
            "input 3xHxW -> (id + (conv3x3(3, s=2, p=1) -> deconv2(3, s=2)))",
            "H and W must be multiples of 2: the sum at",
        ),
        ("input 3xHxW -> pixelunshuffle(4)", "H and W must be multiples of 4: `pixelunshuffle` at 1:16"),
        ("input 3xH -> (conv2(3) * (conv3(3, s=2) -> upsample2))", "H must leave 1 when divided by 2: the product at"),
        ("input 3xHxW -> reshape((3, 100))", "300 must be 3*H*W: `reshape` at 1:16"),
        ("input 3xHxW -> maxpool2 as p -> conv2x2(3) -> pad(1) -> conv2x2(3) -> unpool(p)", ""),
        ("input 3xH -> (maxpool3 + maxpool2)", "H//3 must be H//2, which no large H allows: the sum at 1:15"),
        ("input 3xHxW -> conv7x7(8, s=2, p=3) -> maxpool3(s=2, p=1)", ""),
        ("input 3xHxW -> conv3x3(8, s=2, p=1) -> (id * (gap -> sigmoid)) -> se(2)", ""),  # a gate stretches to any size
    ],
)
def test_conditions(text: str, expected: str) -> None:
    found = texts(text)
    assert (found[0] if found else "").startswith(expected)
    assert bool(found) == bool(expected)


def holds(constraint: Constraint, size: int) -> bool:
    return size % constraint.modulus == constraint.remainder


@pytest.mark.parametrize("period", [8, 16])
def test_conditions_are_those_of_the_sizes(period: int) -> None:
    """A network fits at a size if and only if the conditions hold there."""
    text = UNET if period == 8 else (ROOT / "examples" / "unet.cnn").read_text(encoding="utf-8")
    net = cnnc.compile(text, input="3xHxW") if period == 16 else cnnc.compile(text)
    assert [(c.symbols, c.modulus, c.remainder) for c in net.constraints] == [(("H", "W"), period, 0)]
    for height in range(64, 64 + 2 * period):
        try:
            fits = bool(net.at(H=height, W=64).output_shape)
        except cnnc.NetworkError:
            fits = False
        assert fits == holds(net.constraints[0], height), height


def test_conditions_that_are_no_multiple() -> None:
    """A feature pyramid rounds up on the way down, so that the last few sizes below a multiple of 32 fit as well."""
    net = cnnc.load(ROOT / "examples" / "fpn.cnn", input="3xHxW")
    assert "H divided by 32 must leave one of 0, 29, 30, 31: the sum at 18:22" in map(str, net.constraints)
    for height in range(160, 192):
        try:
            fits = bool(net.at(H=height, W=64).output_shape)
        except cnnc.NetworkError:
            fits = False
        assert fits == (height % 32 in (0, 29, 30, 31)), height


def test_conditions_in_the_report() -> None:
    net = cnnc.load(ROOT / "examples" / "unet.cnn", input="3xHxW")
    assert "sizes                 H and W must be multiples of 16: the concatenation at 7:38" in net.report()
    (constraint,) = net.to_dict()["constraints"]
    assert constraint["modulus"] == 16 and constraint["symbols"] == ["H", "W"] and constraint["span"]["line"] == 7
    assert cnnc.load(ROOT / "examples" / "unet.cnn").to_dict()["constraints"] == []
