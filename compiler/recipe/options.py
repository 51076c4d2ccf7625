"""The other options of a `train` section: clipping, augmentation, and those that are a plain value."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from ..ops.base import NoParams
from ..ops.entry import Entry
from ..ops.kinds import Integer, Kind, Number, Word

PRECISIONS = ("fp32", "bf16", "fp16")


class Limit(NamedTuple):
    limit: Annotated[float, Number("the largest norm or value", low=0.0, open_low=True)]


CLIPS: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("norm", Limit, "All gradients are scaled down where their common norm exceeds the limit."),
        Entry("value", Limit, "Each gradient is held between −limit and limit."),
    )
}


class Chance(NamedTuple):
    chance: Annotated[float, Number("how often", 0.5, low=0.0, high=1.0)]


class Crop(NamedTuple):
    pad: Annotated[int, Integer("black pixels on each side before a window of the old size is cut out", 4)]


class Rotate(NamedTuple):
    degrees: Annotated[float, Number("largest angle either way", 15.0, low=0.0, high=180.0, open_low=True)]


class Shift(NamedTuple):
    share: Annotated[
        float, Number("largest shift either way, as a share of the extent", 0.1, low=0.0, high=1.0, open_low=True)
    ]


class Zoom(NamedTuple):
    least: Annotated[
        float, Number("smallest share of the area that is cut out and enlarged", 0.08, low=0.0, high=1.0, open_low=True)
    ]


class Jitter(NamedTuple):
    brightness: Annotated[float, Number("largest change of brightness", 0.4, low=0.0)]
    contrast: Annotated[float, Number("largest change of contrast", 0.4, low=0.0)]
    saturation: Annotated[float, Number("largest change of saturation", 0.4, low=0.0)]
    hue: Annotated[float, Number("largest change of hue", 0.0, low=0.0, high=0.5)]


class Erase(NamedTuple):
    chance: Annotated[float, Number("how often a rectangle is blanked", 0.25, low=0.0, high=1.0)]


class Noise(NamedTuple):
    sigma: Annotated[
        float, Number("standard deviation, in units of the images, whose values go from 0 to 1", 0.1, low=0.0)
    ]


class Mix(NamedTuple):
    alpha: Annotated[
        float, Number("both parameters of the beta distribution of the mixing ratio", 0.2, low=0.0, open_low=True)
    ]


class RandAugment(NamedTuple):
    ops: Annotated[int, Integer("how many operations an image gets", 2)]
    magnitude: Annotated[int, Integer("how strong they are, of 30", 9, least=0)]


class Augment(Entry):
    """One augmentation.

    colours   it needs grey or RGB images, with values from 0 to 1
    batch     it mixes the samples of a batch
    moves     what an image shows is elsewhere after it
    policy    it is one of many operations, and takes nothing but images
    """

    def __init__(
        self,
        name: str,
        signature: type[Any],
        doc: str,
        known_as: Sequence[str] = (),
        *,
        colours: bool = False,
        batch: bool = False,
        moves: bool = False,
        policy: bool = False,
    ) -> None:
        super().__init__(name, signature, doc, known_as)
        self.colours, self.batch, self.moves, self.policy = colours, batch, moves or policy, policy


AUGMENTS: dict[str, Augment] = {
    entry.name: entry
    for entry in (
        Augment(
            "flip",
            Chance,
            "Mirrored left to right.",
            known_as=("RandomHorizontalFlip", "HorizontalFlip", "hflip", "fliplr", "RandomFlip", "Mirror"),
            moves=True,
        ),
        Augment(
            "vflip",
            Chance,
            "Mirrored top to bottom.",
            known_as=("RandomVerticalFlip", "VerticalFlip", "flipud"),
            moves=True,
        ),
        Augment("crop", Crop, "Padded, then a random window of the old size.", known_as=("RandomCrop",), moves=True),
        Augment(
            "zoom",
            Zoom,
            "A random window enlarged to the old size (the Inception crop).",
            known_as=("RandomResizedCrop", "RandomZoom"),
            moves=True,
        ),
        Augment("rotate", Rotate, "Rotated by a random angle.", known_as=("RandomRotation", "Rotation"), moves=True),
        Augment(
            "shift",
            Shift,
            "Moved by a random distance.",
            known_as=("RandomTranslation", "Translate", "RandomAffine"),
            moves=True,
        ),
        Augment(
            "jitter",
            Jitter,
            "Brightness, contrast, saturation and hue changed.",
            known_as=("ColorJitter", "ColourJitter"),
            colours=True,
        ),
        Augment("noise", Noise, "Gaussian noise added.", known_as=("GaussianNoise",)),
        Augment("erase", Erase, "A random rectangle blanked.", known_as=("RandomErasing", "Cutout", "RandomErase")),
        Augment(
            "trivialaugment",
            NoParams,
            "One random operation of random strength (Müller and Hutter 2021).",
            known_as=("TrivialAugmentWide",),
            colours=True,
            policy=True,
        ),
        Augment(
            "randaugment",
            RandAugment,
            "Random operations of one strength (Cubuk et al. 2020).",
            known_as=("RandAugment",),
            colours=True,
            policy=True,
        ),
        Augment(
            "mixup",
            Mix,
            "Pairs of samples and their targets averaged (Zhang et al. 2018).",
            known_as=("MixUp",),
            batch=True,
        ),
        Augment(
            "cutmix",
            Mix,
            "A rectangle of another sample pasted in (Yun et al. 2019).",
            known_as=("CutMix",),
            batch=True,
        ),
    )
}

PLAIN: dict[str, Kind] = {
    "batch": Integer("samples of one step, over all processes; `full` for the whole training set", 32),
    "epochs": Integer("passes over the training set", 10),
    "ema": Number(
        "decay of the moving average of the weights, which is what is evaluated and exported",
        low=0.0,
        high=1.0,
        open_high=True,
    ),
    "label_smoothing": Number("for every cross_entropy of the loss", low=0.0, high=1.0),
    "l1": Number("this times the sum of the absolute weights is added to the loss", 0.0, low=0.0),
    "weight_decay": Number("for the optimizer", low=0.0),
    "precision": Word("mixed precision of the training step", PRECISIONS, "fp32"),
    "seed": Integer("of weights, data order and augmentation", 0, least=0),
}
"""Options that are a value, with what they mean."""

OPTIONS = ("loss", "optimizer", "schedule", "clip", "augment", "init", *PLAIN)
"""All options of a `train` section."""
