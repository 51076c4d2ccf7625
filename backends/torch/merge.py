"""Fitting one more instance into a class: the same steps in the same order, some of the class's left out."""

from typing import Any

from ...compiler.ir import Region
from .classes import ClassCode, Repeat, StepCode


def absorb(code: ClassCode, region: Region, steps: list[StepCode], results: list[Any]) -> bool:
    """Make `region` an instance of the class if its structure allows; the class is unchanged if not."""
    if region.positional != code.region.positional or len(region.inputs) != len(code.region.inputs):
        return False
    places = _align(code.steps, steps)
    if places is None or not _same_flow(code, steps, results, places):
        return False
    taken = {place: index for index, place in enumerate(places)}
    for index in range(len(code.steps)):
        own = steps[taken[index]] if index in taken else None
        code.columns[index].append(own.leaves if own else [])
        code.present[index].append(own is not None)
        code.shapes[index].append(own.result_shape if own else ())
    code.regions.append(region)
    return True


def _align(reference: list[StepCode], steps: list[StepCode]) -> list[int] | None:
    """For each step the index of the class's step that it is; None if some step is none of them."""
    places = []
    at = 0
    for step in steps:
        while at < len(reference) and reference[at].shape != step.shape:
            at += 1
        if at == len(reference):
            return None
        places.append(at)
        at += 1
    return places


def _same_flow(code: ClassCode, steps: list[StepCode], results: list[Any], places: list[int]) -> bool:
    """Whether tensors flow as in the class when the missing steps hand their first operand on."""
    missing = set(range(len(code.steps))) - set(places)
    for index in missing:
        if not _can_skip(code.steps[index]):
            return False

    def resolve(value: Any) -> Any:
        while value[0] == "step" and value[1] in missing:
            value = code.steps[value[1]].operands[0]
        return value

    def mapped(value: Any) -> Any:
        return value if value[0] == "in" else ("step", places[value[1]], value[2])

    for step, place in zip(steps, places, strict=True):
        if [mapped(v) for v in step.operands] != [resolve(v) for v in code.steps[place].operands]:
            return False
    return [mapped(v) for v in results] == [resolve(v) for v in code.results]


def _can_skip(step: StepCode) -> bool:
    """Whether a step can be left out: a module becomes `nn.Identity()`, an operator stands behind an `if`.

    Numbered modules stay where they are, but a repeat of them may have a count of 0.
    """
    if step.outputs != 1 or step.shared or step.reuse:
        return False
    if step.constructor is not None and step.name.isdigit() and not isinstance(step.constructor, Repeat):
        return False
    return (step.constructor is not None and len(step.operands) == 1) or (
        step.code is not None and step.code.infix is not None
    )
