"""Multiply-accumulates and other work counted while a module runs, operator by operator, by PyTorch's own rules."""

from math import prod
from typing import Any, ClassVar

import torch
import torchvision  # noqa: F401  # registers its operators
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count


def deform_flops(x: Any, w: Any, *rest: object, out_val: Any, **settings: object) -> int:
    return int(2 * prod(out_val.shape) * prod(w.shape[1:]))


def bilinear_flops(x: Any, w: Any, z: Any, *rest: object, **settings: object) -> int:
    """Two a multiplication: every output's matrix by one vector, then by the other."""
    return int(2 * x.shape[0] * (w.shape[0] * w.shape[1] * w.shape[2] + w.shape[0] * w.shape[1]))


def attention_flops(q: Any, k: Any, v: Any, *rest: object, **settings: object) -> int:
    return int(sdpa_flop_count(q.shape, k.shape, v.shape))


class Counting(TorchDispatchMode):
    """PyTorch's own rules for the work of its operators, applied to every operator that a module runs.

    It is `FlopCounterMode` without the tree of modules, which takes most of that one's time. The three operators that
    PyTorch has no rule for get that of their kind.
    """

    rules: ClassVar[dict[Any, Any]] = {
        **flop_registry,
        torch.ops.torchvision.deform_conv2d: deform_flops,
        torch.ops.aten._trilinear: bilinear_flops,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention_flops,
    }

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        rule = self.rules.get(func._overloadpacket)
        if rule is None and func is not torch.ops.prim.device.default:
            with self:
                made = func.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        made = func(*args, **kwargs)
        if rule is not None:
            self.total += rule(*args, **kwargs, out_val=made)
        return made
