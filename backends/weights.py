"""Weights as NumPy arrays by name: drawn from a seed, or read from files."""

import hashlib
import json
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ..compiler.diagnostics import show, usage
from ..compiler.files import AnyPath, open_file
from ..compiler.ir import Graph, weights_of
from ..compiler.ops import Weight
from .initial import draw_values
from .reparam import DERIVED, complete

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]


NESTED = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params",
    "backbone", "encoder", "generator", "ema", "model_ema", "ema_state_dict", "state_dict_ema", "ema_model",
    "params_ema", "teacher",
)  # fmt: skip
"""Under what checkpoints keep the state_dict, the first of these first: plain weights before averaged ones."""
DEEPEST = 4
"""How deep in each other these are looked for."""
LEVELS = 12
"""Parts of a prefix that all names have, at most."""
EXTRA = "_extra_state"
"""The end of names under which modules store what need not be tensors."""


def draw(graph: Graph, seed: int) -> "Arrays":
    """Initial values for every stored tensor, each from the seed and its own name.

    In PyTorch's default distributions, or those that the network's `set init` lines name.
    """
    arrays = {name: draw_one(name, weight, seed) for name, weight, _ in weights_of(graph)}
    complete(arrays, graph)
    return arrays


def draw_one(name: str, weight: Weight, seed: int) -> "NDArray[Any]":
    if weight.init == "count":
        return np.zeros(weight.shape, np.int64)
    if weight.init in DERIVED:
        return np.zeros(weight.shape, np.float32)
    return draw_values(weight, generator(name, seed))


def generator(name: str, seed: int) -> np.random.Generator:
    """A source of random numbers that depends on a seed and a tensor's name only."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest, "little")))


def read_weights(given: "str | Path | Mapping[str, NDArray[Any]]", graph: Graph) -> "Arrays":
    """Tensors by name, or those of a .safetensors or .pth file: exactly the graph's (E0508), bar batch counts.

    A prefix that all names have besides, as DataParallel's `module.`, does not count.
    """
    if isinstance(given, Mapping):
        found = {name: _as_float(_array(name, value)) for name, value in given.items()}
    else:
        found = read_tensors(Path(given))
    wanted = {name: weight for name, weight, _ in weights_of(graph)}
    found = _without_prefix(found, wanted)
    for name, weight in wanted.items():
        if weight.init == "count" and name not in found:
            found[name] = np.zeros((), np.int64)
    missing = [name for name in wanted if name not in found]
    surplus = [name for name in found if name not in wanted]
    if missing or surplus:
        parts = [f"missing: {_few(missing)}"] if missing else []
        parts += [f"not in the network: {_few(surplus)}"] if surplus else []
        raise usage("E0508", reason="; ".join(parts))
    for name, weight in wanted.items():
        if tuple(found[name].shape) != weight.shape:
            raise usage(
                "E0508", reason=f"{name} is {show(tuple(found[name].shape))}, the network needs {show(weight.shape)}"
            )
    return {name: np.asarray(found[name], order="C") for name in wanted}


def _without_prefix(found: "Arrays", wanted: Mapping[str, Weight]) -> "Arrays":
    """Tensors without the parts that all their names begin with, where these are then the wanted ones."""
    needed = {name for name, weight in wanted.items() if weight.init != "count"}
    names = {name: name for name in found}
    for _ in range(LEVELS):
        if needed.issubset(names):
            break
        heads = {name.partition(".")[0] for name in names}
        if len(heads) != 1 or not all("." in name for name in names):
            return found
        names = {name.partition(".")[2]: full for name, full in names.items()}
    return {name: found[full] for name, full in names.items()} if needed.issubset(names) else found


def _array(name: str, value: Any) -> "NDArray[Any]":
    """What a dictionary of weights holds as an array of numbers; tensors of PyTorch too (E0508)."""
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        if array.dtype.kind in "biuf":
            return array
    except Exception:  # whatever an object says that is no array
        pass
    raise usage("E0508", reason=f"{show(name)} is not an array of numbers")


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def read_tensors(file: AnyPath, root: str | None = None) -> "Arrays":
    """The tensors of a .safetensors or .pth file under their own names; of a checkpoint, those of its state_dict.

    root: the folder that the file must really lie in (E0520), as for `open_file`.
    """
    return read_file(file, root)[0]


def read_file(file: AnyPath, root: str | None = None) -> "tuple[Arrays, list[str]]":
    """The same, and what is to be known about the file: which of several sets of tensors was read."""
    path = Path(file)
    try:
        with open_file(str(path), root) as opened:
            if path.suffix == ".safetensors":
                return _read_safetensors(opened, path), []
            return _read_torch(opened, path)
    except ModuleNotFoundError as error:
        extra = "cnnc[weights]" if error.name == "safetensors" else "cnnc[torch]"
        raise usage("E0507", package=error.name, extra=extra) from None
    except OSError as error:
        raise usage("E0501", path=str(path), reason=error.strerror or str(error)) from None


def _read_safetensors(file: BinaryIO, path: Path) -> "Arrays":
    from safetensors import SafetensorError, safe_open

    opened = Path(f"/proc/self/fd/{file.fileno()}")  # the very file that was looked at, where the system names it
    try:
        with safe_open(opened if opened.exists() else path, framework="numpy") as tensors:
            kinds = {name: str(tensors.get_slice(name).get_dtype()) for name in tensors.keys()}  # noqa: SIM118
            for name, kind in kinds.items():
                if kind != "BF16" and not re.fullmatch(r"F16|F32|F64|[IU](8|16|32|64)|BOOL", kind):
                    raise ValueError(f"{show(name)} is of the type {kind}, which no weights are read from")
            return {
                name: _bfloat16(file, name) if kind == "BF16" else _as_float(tensors.get_tensor(name))
                for name, kind in kinds.items()
            }
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise usage("E0509", path=str(path), reason=str(error)) from None


def _bfloat16(file: BinaryIO, name: str) -> "NDArray[Any]":
    """A tensor of bfloat16, which NumPy lacks, in single precision: its bits are the upper half of them.

    The file's header was checked when it was opened: its length, then JSON with the place of each tensor behind it.
    """
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    entry = json.loads(file.read(length))[name]
    start, end = entry["data_offsets"]
    file.seek(8 + length + start)
    upper = np.frombuffer(file.read(end - start), np.dtype("<u2"))
    return (upper.astype(np.uint32) << 16).view(np.float32).reshape(entry["shape"])


def _read_torch(file: BinaryIO, path: Path) -> "tuple[Arrays, list[str]]":
    """A pickled state_dict, through PyTorch's restricted unpickler, which makes nothing but tensors."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the unpickler makes of a file that is no state_dict
        raise usage("E0509", path=str(path), reason=_refusal(error)) from None
    found, notes = _state_dict(state)
    if found is None:
        raise usage("E0509", path=str(path), reason="it holds no state_dict")
    return {str(name): _as_float(_numbers(str(name), tensor, path)) for name, tensor in found.items()}, notes


def _state_dict(held: Any) -> tuple[dict[Any, Any] | None, list[str]]:
    """The state_dict in what a file holds, itself or the best known of its entries; and which that was, of several.

    Entries of a checkpoint lie in each other now and then. An optimizer's state is one of other things than tensors.
    """
    notes: list[str] = []
    for _ in range(DEEPEST):
        if not isinstance(held, dict):
            return None, notes
        if _is_state(held):
            return {name: value for name, value in held.items() if not str(name).endswith(EXTRA)}, notes
        inner = [key for key, value in held.items() if isinstance(value, dict) and (key in NESTED or _is_state(value))]
        if not inner:
            return None, notes
        key = min(inner, key=lambda key: NESTED.index(key) if key in NESTED else len(NESTED))
        if key not in NESTED and len(inner) > 1:
            return None, notes
        if len(inner) > 1:
            others = ", ".join(show(other) for other in inner if other != key)
            notes.append(f"from `{show(key)}` of the file, not from its {others}")
        held = held[key]
    return None, notes


def _is_state(held: dict[Any, Any]) -> bool:
    """Whether a dictionary holds tensors by name, and nothing else but what modules store besides."""
    import torch

    values = [value for name, value in held.items() if not str(name).endswith(EXTRA)]
    return bool(values) and all(isinstance(value, torch.Tensor) for value in values)


def _numbers(name: str, tensor: "torch.Tensor", path: Path) -> "NDArray[Any]":
    """A tensor as an array. Sparse, quantized and complex ones and those without data are refused (E0509)."""
    try:
        plain = tensor.detach()
        array: NDArray[Any] = (plain.float() if plain.is_floating_point() else plain).numpy()
        if array.dtype.kind in "biuf":
            return array
    except (TypeError, RuntimeError):
        pass
    raise usage("E0509", path=str(path), reason=f"{show(name)} is not a dense tensor of real numbers")


def _refusal(error: Exception) -> str:
    """What is wrong with a pickle. PyTorch's own words advise to run the code in it."""
    held = re.search(r"Unsupported (?:global|class)\W*GLOBAL (\S+)", str(error))
    if held:
        return f"it holds {held[1]}, and only tensors are read"
    if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):
        return "it is not a file of tensors that torch.save has written"
    if isinstance(error, EOFError):
        return "it ends too early"
    said = str(error).split("\n")[0] if isinstance(error, RuntimeError) else ""
    return said or "it is not a file of tensors that torch.save has written"


def _as_float(array: "NDArray[Any]") -> "NDArray[Any]":
    """Floating-point weights in single precision, in which both targets store them."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array
