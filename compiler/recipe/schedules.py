"""Schedules of the learning rate. Each has a length, which the last of a chain need not say: the rest of the run."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from ..ops.entry import Entry
from ..ops.kinds import Flag, Integer, Number, Optional, Shaped, Word
from .recipe import Chosen


class Schedule(Entry):
    """One schedule.

    formula   the rate at time t, counted in epochs or steps from 0; lr is the optimizer's
    by        what it counts unless told otherwise
    alone     why it stands in no chain, or ""
    """

    def __init__(
        self,
        name: str,
        signature: type[Any],
        doc: str,
        *,
        formula: str,
        source: str,
        by: str = "epoch",
        alone: str = "",
        known_as: Sequence[str] = (),
    ) -> None:
        super().__init__(name, signature, doc, known_as)
        self.formula, self.source, self.by, self.alone = formula, source, by, alone


BY = Optional(Word("what is counted: epochs or optimizer steps", ("epoch", "step")), "epoch")
STEPWISE = Optional(Word("what is counted: epochs or optimizer steps", ("epoch", "step")), "step")
LENGTH = Optional(Integer("how long it lasts"), "the rest of the run")
GAMMA = Number("factor", 0.1, low=0.0, high=1.0, open_low=True)


def floor(default: float = 0.0) -> Number:
    return Number("smallest rate", default, low=0.0)


class Constant(NamedTuple):
    length: Annotated[int | None, LENGTH]
    factor: Annotated[float, Number("times the optimizer's rate", 1.0, low=0.0, high=1.0, open_low=True)]
    by: Annotated[str | None, BY]


class Step(NamedTuple):
    size: Annotated[int, Integer("how long each level lasts")]
    gamma: Annotated[float, GAMMA]
    length: Annotated[int | None, LENGTH]
    by: Annotated[str | None, BY]


class MultiStep(NamedTuple):
    milestones: Annotated[tuple[int, ...], Shaped("when the rate falls")]
    gamma: Annotated[float, GAMMA]
    length: Annotated[int | None, LENGTH]
    by: Annotated[str | None, BY]


class Exponential(NamedTuple):
    gamma: Annotated[float, Number("factor at each count", 0.95, low=0.0, high=1.0, open_low=True)]
    length: Annotated[int | None, LENGTH]
    by: Annotated[str | None, BY]


class Plateau(NamedTuple):
    factor: Annotated[float, Number("factor", 0.1, low=0.0, high=1.0, open_low=True, open_high=True)]
    patience: Annotated[
        int,
        Integer(
            "epochs in a row without a better validation loss that are borne; at the next the rate falls", 10, least=0
        ),
    ]
    threshold: Annotated[float, Number("relative improvement that counts", 1e-4, low=0.0)]
    cooldown: Annotated[int, Integer("epochs after a fall that are not counted", 0, least=0)]
    min_lr: Annotated[float, floor()]


class Cyclic(NamedTuple):
    max_lr: Annotated[float, Number("rate at the top; the optimizer's is that at the bottom", low=0.0, open_low=True)]
    up: Annotated[int, Integer("how long it rises", 2000)]
    down: Annotated[int | None, Optional(Integer("how long it falls"), "as long as it rises")]
    mode: Annotated[
        str,
        Word(
            "height of the cycles: the same, half at each, or times gamma ** t",
            ("triangular", "triangular2", "exp_range"),
            "triangular",
        ),
    ]
    gamma: Annotated[float, Number("for exp_range", 1.0, low=0.0, high=1.0, open_low=True)]
    length: Annotated[int | None, LENGTH]
    by: Annotated[str | None, STEPWISE]


class OneCycle(NamedTuple):
    max_lr: Annotated[float, Number("rate at the top", low=0.0, open_low=True)]
    rise: Annotated[float, Number("share of the run in which it rises", 0.3, low=0.0, high=1.0, open_high=True)]
    anneal: Annotated[str, Word("form of the flanks", ("cos", "linear"), "cos")]
    div: Annotated[float, Number("the first rate is max_lr / div", 25.0, low=1.0)]
    final_div: Annotated[float, Number("the last rate is max_lr / div / final_div", 1e4, low=1.0)]
    momentum: Annotated[bool, Flag("move the momentum the other way, from 0.95 to 0.85 and back", False)]
    by: Annotated[str | None, STEPWISE]


class Cosine(NamedTuple):
    length: Annotated[int | None, LENGTH]
    min_lr: Annotated[float, floor()]
    by: Annotated[str | None, BY]


class Warmup(NamedTuple):
    length: Annotated[int, Integer("how long it rises")]
    start: Annotated[float, Number("share of the rate that it begins with", 0.01, low=0.0, high=1.0, open_low=True)]
    by: Annotated[str | None, BY]


SCHEDULES: dict[str, Schedule] = {
    schedule.name: schedule
    for schedule in (
        Schedule(
            "constant",
            Constant,
            "The same rate all the time.",
            formula="lr·factor",
            source="-",
            known_as=("ConstantLR", "Fixed"),
        ),
        Schedule(
            "step",
            Step,
            "Falls at equal intervals.",
            formula="lr·γ^⌊t/size⌋",
            source="He et al. 2016 use size 30",
            known_as=("StepLR", "StepDecay"),
        ),
        Schedule(
            "multistep",
            MultiStep,
            "Falls at given times.",
            formula="lr·γ^(number of milestones ≤ t)",
            source="He et al. 2016",
            known_as=("MultiStepLR", "PiecewiseConstantDecay", "Piecewise"),
        ),
        Schedule(
            "exponential",
            Exponential,
            "Falls by a factor each time.",
            formula="lr·γᵗ",
            source="textbook decay",
            known_as=("ExponentialLR", "ExponentialDecay"),
        ),
        Schedule(
            "plateau",
            Plateau,
            "Falls when the validation loss has stopped falling.",
            formula="lr·factor when more than `patience` epochs in a row had no loss below best·(1 − threshold)",
            source="the rule by which AlexNet's rate was lowered by hand",
            known_as=("ReduceLROnPlateau", "ReduceOnPlateau"),
            alone="it waits for the validation loss",
        ),
        Schedule(
            "cyclic",
            Cyclic,
            "Rises and falls between two rates.",
            formula="lr + (max_lr − lr)·h·s: h is 0 to 1 up the rise and back, s is 1, 2^−cycle or γᵗ",
            source="Smith 2017",
            known_as=("CyclicLR", "CyclicalLearningRate", "Triangular"),
            by="step",
        ),
        Schedule(
            "onecycle",
            OneCycle,
            "One rise and one long fall.",
            formula="from max_lr/div to max_lr in rise·T − 1, then to max_lr/div/final_div at T − 1",
            source="Smith and Topin 2018",
            known_as=("OneCycleLR", "OneCyclePolicy", "SuperConvergence"),
            by="step",
            alone="it covers the whole run",
        ),
        Schedule(
            "cosine",
            Cosine,
            "Falls along half a cosine.",
            formula="min_lr + (lr − min_lr)·(1 + cos(π·t/length))/2",
            source="Loshchilov and Hutter 2017",
            known_as=("CosineAnnealingLR", "CosineDecay", "CosineAnnealing"),
        ),
        Schedule(
            "warmup",
            Warmup,
            "Rises to the optimizer's rate; another schedule follows.",
            formula="lr·(start + (1 − start)·t/length)",
            source="Goyal et al. 2017",
            known_as=("LinearLR", "LinearWarmup", "GradualWarmup"),
        ),
    )
}


def last_change(phase: Chosen) -> int:
    """When a phase changes the rate for the last time that the program gives; 0 where it gives none."""
    if phase.name == "multistep":
        return max(phase.of("milestones"), default=0)
    return int(phase.of("size")) if phase.name == "step" else 0


def reach(phases: tuple[Chosen, ...]) -> tuple[int, int | None]:
    """How long a run must be for every part to begin and every change to happen, and when the chain ends, if ever."""
    begin, least, end = 0, 0, None
    for phase in phases:
        least = max(least, begin + last_change(phase) + 1)
        length = phase.of("length")
        end = None if length is None else begin + length
        begin += length or 0
    return max(least, end or 0), end
