"""Images for networks: read with Pillow, resized, cropped and normalised as torchvision's models expect; and masks."""

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.diagnostics import usage
from ..compiler.files import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels between 0 and 1; a grey image has the averages over the channels."""


def find_images(path: Path) -> list[Path]:
    """The file, or the images of the folder by their endings, in the order of names. Raises E0551."""
    from PIL import Image

    try:
        if not path.is_dir():
            path.stat()
            return [path]
        endings = Image.registered_extensions()
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in endings and p.is_file())
    except FileNotFoundError:
        raise usage("E0551", path=str(path), reason="no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise usage("E0551", path=str(path), reason=reason) from None
    if not found:
        raise usage("E0551", path=str(path), reason="the folder has no file with the ending of an image")
    return found


def read_image(path: Path, channels: int) -> "Image":
    """An image in colour or grey, turned upright. Raises E0551."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if reason := refusal(path):
        raise usage("E0551", path=str(path), reason=reason)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path)
            return _in_mode(ImageOps.exif_transpose(image), "L" if channels == 1 else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        most = Image.MAX_IMAGE_PIXELS or 0
        raise usage("E0551", path=str(path), reason=f"it has more than {most:,} pixels") from None
    except UnidentifiedImageError:
        raise usage("E0551", path=str(path), reason="it is not an image") from None
    except MemoryError:
        raise
    except Exception as error:  # decoders raise all sorts of things on broken files
        raise usage("E0551", path=str(path), reason=str(error) or type(error).__name__) from None


def _in_mode(image: "Image", mode: str) -> "Image":
    from PIL import Image

    if image.mode.startswith("I;16"):  # Pillow would clip 16 bits to 8
        image = Image.fromarray((np.asarray(image, np.uint32) // 257).astype(np.uint8))
    if "transparency" in image.info and image.mode == "P":
        image = image.convert("RGBA")
    return image.convert(mode)


def resized(image: "Image", height: int, width: int, path: str = "") -> "Image":
    """The middle of the image in the size asked for, out of one that is 256/224 as large and just covers it."""
    from PIL import Image

    want_h, want_w = round(height * 256 / 224), round(width * 256 / 224)
    w, h = image.size
    new_w, new_h = (want_w, h * want_w // w) if want_w * h >= want_h * w else (w * want_h // h, want_h)
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and new_w * new_h > most:
        raise usage("E0551", path=path, reason=f"resized to {new_w}×{new_h} it has more than {most:,} pixels")
    image = image.resize((new_w, new_h), Image.Resampling.BILINEAR)
    left, top = round((new_w - width) / 2), round((new_h - height) / 2)
    return image.crop((left, top, left + width, top + height))


def load(
    path: Path, shape: tuple[int, ...], mean: Sequence[float] = (), std: Sequence[float] = ()
) -> "NDArray[np.float32]":
    """An image file as a network's input of a batch of one, channels first; see `resized`.

    mean, std: what is taken off pixels between 0 and 1 and what they are divided by. Raises E0551.
    """
    channels, height, width = shape
    try:
        image = resized(read_image(path, channels), height, width, str(path))
    except MemoryError:
        raise usage("E0551", path=str(path), reason="there is not enough memory") from None
    pixels = np.asarray(image, np.float32).reshape(height, width, channels) / np.float32(255)
    shift, scale = np.asarray(mean or (0.0,), np.float32), np.asarray(std or (1.0,), np.float32)
    return np.ascontiguousarray(((pixels - shift) / scale).transpose(2, 0, 1)[None], np.float32)


def usual(channels: int, of_colours: Sequence[float]) -> tuple[float, ...]:
    """ImageNet's figure for each channel; their average where the image is grey."""
    return tuple(of_colours) if channels == len(of_colours) else (round(sum(of_colours) / len(of_colours), 6),)


def image_png(pixels: "NDArray[np.uint8]") -> bytes:
    """Bytes H×W×1 or H×W×3 as a PNG in grey or colour."""
    from PIL import Image

    data = BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(data, "PNG")
    return data.getvalue()


def mask_png(classes: "NDArray[Any]") -> bytes:
    """A map of class numbers below 256 as a PNG with a palette: the colours of PASCAL VOC."""
    from PIL import Image

    image = Image.fromarray(classes.astype(np.uint8))
    image.putpalette([level for index in range(256) for level in _colour(index)])
    data = BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def _colour(index: int) -> tuple[int, int, int]:
    """The bits of a class number dealt out in turn to red, green and blue, the lowest becoming the highest."""
    levels = [0, 0, 0]
    for bit in range(8):
        levels[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
    return levels[0], levels[1], levels[2]
