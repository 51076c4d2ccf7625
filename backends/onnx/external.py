"""Models whose weights lie in a second file beside them: the pair changes as one, and no reader gets half of it."""

import hashlib
import re
from contextlib import suppress
from pathlib import Path

import onnx
from onnx.external_data_helper import set_external_data

from ...compiler.signals import held
from ...compiler.writing import check_target, replacing, write_file

LEAST = 1024
"""Bytes of a tensor that goes to the second file."""


def write_external(proto: onnx.ModelProto, path: Path) -> None:
    """Write a model and its data. The data's name has its digest, so that the model that is replaced keeps its own.

    Whenever the process dies, the model's file and the data that it names are both of the old model or both of the new.
    """
    check_target(path)
    tensors = [tensor for tensor in proto.graph.initializer if len(tensor.raw_data) >= LEAST]
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.raw_data)
    data = path.with_name(f"{path.name}.{digest.hexdigest()[:16]}.data")
    try:
        with replacing(data) as file:
            for tensor in tensors:
                file.write(tensor.raw_data)
        model = _without_data(proto, data.name).SerializeToString(deterministic=True)
        with held():
            write_file(path, model)
            tidy(path)
    except BaseException:
        tidy(path)
        raise


def _without_data(proto: onnx.ModelProto, location: str) -> onnx.ModelProto:
    """The model with references to the second file."""
    outside = onnx.ModelProto()
    outside.CopyFrom(proto)
    offset = 0
    for tensor in outside.graph.initializer:
        length = len(tensor.raw_data)
        if length >= LEAST:
            set_external_data(tensor, location, offset, length)
            tensor.ClearField("raw_data")
            offset += length
    return outside


def tidy(path: Path) -> None:
    """Remove data of ours beside a model that it does not name: of the model before it, or of one never finished."""
    name = re.compile(re.escape(path.name) + r"\.[0-9a-f]{16}\.data")
    with suppress(OSError):
        found = [file for file in path.parent.iterdir() if name.fullmatch(file.name)]
        model = path.read_bytes() if found and path.exists() else b""
        for file in found:
            if file.name.encode() not in model:
                file.unlink()
