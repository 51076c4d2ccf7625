"""Augmentations as torchvision transforms."""

from ...compiler.recipe.options import AUGMENTS
from ...compiler.recipe.recipe import Chosen
from .text import call


def expression(choice: Chosen, shape: tuple[int, ...], classes: int) -> str:
    """One augmentation of images C×H×W."""
    size, of = tuple(shape[1:]), choice.of
    match choice.name:
        case "flip":
            return f"v2.RandomHorizontalFlip({of('chance')!r})"
        case "vflip":
            return f"v2.RandomVerticalFlip({of('chance')!r})"
        case "crop":
            return f"v2.RandomCrop({size}, padding={of('pad')})"
        case "zoom":
            return f"v2.RandomResizedCrop({size}, scale=({of('least')!r}, 1.0), antialias=True)"
        case "rotate":
            return f"v2.RandomRotation({of('degrees')!r})"
        case "shift":
            return f"v2.RandomAffine(0, translate=({of('share')!r}, {of('share')!r}))"
        case "jitter":
            names = ("brightness", "contrast", "saturation", "hue")
            return call("v2.ColorJitter", **{name: (of(name), 0.0) for name in names})
        case "noise":
            return f"v2.GaussianNoise(sigma={of('sigma')!r}, clip=False)"
        case "erase":
            return f"v2.RandomErasing({of('chance')!r})"
        case "trivialaugment":
            return "v2.TrivialAugmentWide()"
        case "randaugment":
            return f"v2.RandAugment({of('ops')}, {of('magnitude')})"
        case "mixup":
            return f"v2.MixUp(alpha={of('alpha')!r}, num_classes={classes})"
        case _:
            return f"v2.CutMix(alpha={of('alpha')!r}, num_classes={classes})"


def constants(augment: tuple[Chosen, ...], shape: tuple[int, ...], classes: int) -> list[str]:
    """The constants AUGMENT, of one sample, and MIX, of a batch, as far as there are any."""
    each = [expression(choice, shape, classes) for choice in augment if not AUGMENTS[choice.name].batch]
    whole = [expression(choice, shape, classes) for choice in augment if AUGMENTS[choice.name].batch]
    lines = []
    if each:
        text = f"AUGMENT = v2.Compose([{', '.join(each)}])"
        lines += (
            [text]
            if len(text) <= 110
            else ["AUGMENT = v2.Compose(", "    [", *(f"        {e}," for e in each), "    ]", ")"]
        )
    return [*lines, *(f"MIX = {text}" for text in whole)]
