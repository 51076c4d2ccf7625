"""Augmentations as torchvision transforms."""

from math import ceil, hypot

from ...compiler.recipe.options import AUGMENTS
from ...compiler.recipe.recipe import Chosen, Recipe
from ...compiler.recipe.samples import ignored
from .task import Task
from .text import call

BORDER = "BORDER"
"""The name of what comes in from beyond an image's border."""


def expressions(choice: Chosen, shape: tuple[int, ...], classes: int, border: str) -> list[str]:
    """One augmentation of images C×H×W, which may take several transforms.

    border: what comes in where an image is moved: "" for black, BORDER for black beside a value of the mask that the
    loss leaves out, "edge" for the image's and the mask's own edge, repeated, where there is no such value.
    """
    size, of = tuple(shape[1:]), choice.of
    fill = {"fill": (BORDER, None)} if border == BORDER else {}
    match choice.name:
        case "flip":
            return [f"v2.RandomHorizontalFlip({of('chance')!r})"]
        case "vflip":
            return [f"v2.RandomVerticalFlip({of('chance')!r})"]
        case "crop":
            edge = {"padding_mode": ('"edge"', None)} if border == "edge" else {}
            return [call("v2.RandomCrop", str(size), padding=(of("pad"), None), **fill, **edge)]
        case "zoom":
            return [f"v2.RandomResizedCrop({size}, scale=({of('least')!r}, 1.0), antialias=True)"]
        case "rotate":
            turn = call("v2.RandomRotation", repr(of("degrees")), **fill)
            return [turn] if border != "edge" else _within(turn, size, *_turned(size))
        case "shift":
            return _shift(of("share"), size, border, fill)
        case "jitter":
            names = ("brightness", "contrast", "saturation", "hue")
            return [call("v2.ColorJitter", **{name: (of(name), 0.0) for name in names})]
        case "noise":
            return [f"v2.GaussianNoise(sigma={of('sigma')!r}, clip=False)"]
        case "erase":
            return [f"v2.RandomErasing({of('chance')!r})"]
        case "trivialaugment":
            return ["v2.TrivialAugmentWide()"]
        case "randaugment":
            return [f"v2.RandAugment({of('ops')}, {of('magnitude')})"]
        case "mixup":
            return [f"v2.MixUp(alpha={of('alpha')!r}, num_classes={classes})"]
        case _:
            return [f"v2.CutMix(alpha={of('alpha')!r}, num_classes={classes})"]


def _shift(share: float, size: tuple[int, ...], border: str, fill: dict[str, tuple[str, None]]) -> list[str]:
    """A shift by up to a share of the extents, across and down."""
    if border != "edge":
        return [call("v2.RandomAffine", "0", translate=((share, share), None), **fill)]
    down, across = (ceil(share * extent) for extent in size)
    shares = tuple(share * extent / (extent + 2 * pad) for extent, pad in ((size[1], across), (size[0], down)))
    return _within(call("v2.RandomAffine", "0", translate=(shares, None)), size, down, across)


def _turned(size: tuple[int, ...]) -> tuple[int, int]:
    """What is missing above and beside an image that is turned by any angle."""
    diagonal = hypot(*size)
    return ceil((diagonal - size[0]) / 2), ceil((diagonal - size[1]) / 2)


def _within(transform: str, size: tuple[int, ...], down: int, across: int) -> list[str]:
    """A transform of the image with its edge repeated around it, as much as can come into sight."""
    pad = f'v2.Pad(({across}, {down}), padding_mode="edge")'
    return [pad, transform, f"v2.CenterCrop({size})"]


def border_of(recipe: Recipe, task: Task) -> str:
    """What comes in from beyond the border; see `expressions`."""
    if task.kind != "dense":
        return ""
    return "edge" if ignored(recipe, next(iter(task.wants))) is None else BORDER


def constants(recipe: Recipe, task: Task) -> list[str]:
    """The constants AUGMENT, of one sample, and MIX, of a batch, as far as there are any, and BORDER."""
    border, lines = border_of(recipe, task), []
    made = [(choice, expressions(choice, task.shapes[0], task.classes, border)) for choice in recipe.augment]
    each = [text for choice, texts in made if not AUGMENTS[choice.name].batch for text in texts]
    whole = [text for choice, texts in made if AUGMENTS[choice.name].batch for text in texts]
    if any(f"fill={BORDER}" in text for text in each):
        value = ignored(recipe, next(iter(task.wants)))
        lines.append(f'{BORDER} = {{tv_tensors.Mask: {value}, "others": 0}}  # black, and what the loss leaves out')
    if each:
        text = f"AUGMENT = v2.Compose([{', '.join(each)}])"
        lines += (
            [text]
            if len(text) <= 110
            else ["AUGMENT = v2.Compose(", "    [", *(f"        {e}," for e in each), "    ]", ")"]
        )
    return [*lines, *(f"MIX = {text}" for text in whole)]
