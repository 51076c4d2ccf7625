"""Models whose weights lie in a second file beside them: the pair changes as one, and no reader gets half of it."""

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from onnx.external_data_helper import set_external_data

from ...compiler.signals import held
from ...compiler.writing import check_target, replacing, write_file
from ..tensors import Tensor

DIGITS = re.compile("[0-9a-f]{16}")

LEAST = 1024
"""Bytes of a tensor that goes to the second file."""


def inline(stored: dict[str, Tensor]) -> list[TensorProto]:
    """Initializers with their data in them."""
    return [_tensor(name, tensor, b"".join(tensor.data())) for name, tensor in stored.items()]


def write_external(
    stored: dict[str, Tensor], model: Callable[[list[TensorProto]], onnx.ModelProto], path: Path
) -> onnx.ModelProto:
    """Write a model and its data, one tensor after another, and give the model, which only names its data.

    The data's name has its digest, so that the model that is replaced keeps its own. Whenever the process dies, the
    model's file and the data that it names are both of the old model or both of the new.
    """
    check_target(path)
    digest = hashlib.sha256()

    def named() -> Path:
        return path.with_name(f"{path.name}.{digest.hexdigest()[:16]}.data")

    try:
        with replacing(path.with_name(f"{path.name}.data"), final=named) as file:
            for tensor in stored.values():
                for piece in tensor.data() if tensor.nbytes >= LEAST else ():
                    digest.update(piece)
                    file.write(piece)
        proto = model(_references(stored, named().name))
        with held():
            write_file(path, proto.SerializeToString(deterministic=True))
            tidy(path)
    except BaseException:
        tidy(path)
        raise
    return proto


def _references(stored: dict[str, Tensor], location: str) -> list[TensorProto]:
    """Initializers that say where in the second file their data stand; small ones have them at hand."""
    found, offset = [], 0
    for name, tensor in stored.items():
        if tensor.nbytes < LEAST:
            found.append(_tensor(name, tensor, b"".join(tensor.data())))
            continue
        proto = _tensor(name, tensor, b"x")  # `set_external_data` wants to see some
        set_external_data(proto, location, offset, tensor.nbytes)
        proto.ClearField("raw_data")
        found.append(proto)
        offset += tensor.nbytes
    return found


def _tensor(name: str, tensor: Tensor, data: bytes) -> TensorProto:
    kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    return TensorProto(name=name, data_type=kind, dims=tensor.shape, raw_data=data)


def tidy(path: Path) -> None:
    """Remove data of ours beside a model that it does not name: of the model before it, or of one never finished."""
    with suppress(OSError):
        found = [file for file in path.parent.iterdir() if _is_data_of(path.name, file.name)]
        model = path.read_bytes() if found and path.exists() else b""
        for file in found:
            if file.name.encode() not in model:
                file.unlink()


def _is_data_of(model: str, name: str) -> bool:
    """Whether a file is named as the data of a model is: its name, sixteen hexadecimal digits, `.data`."""
    digits = name.removeprefix(f"{model}.").removesuffix(".data")
    return name == f"{model}.{digits}.data" and DIGITS.fullmatch(digits) is not None
