"""Schedules as PyTorch expressions."""

from ...compiler.recipe.recipe import Chosen, Recipe
from ...compiler.recipe.schedules import reach
from .text import call, wrapped


def expression(phase: Chosen, lr: float, length: str, epochs: int) -> str:
    """One phase. lr: the optimizer's rate; length: an expression for how long the phase lasts; epochs: of the run."""
    name = "lr_scheduler."
    match phase.name:
        case "constant":
            return f"{name}LambdaLR(optimizer, lambda t: {phase.of('factor')!r})"
        case "step":
            return call(
                f"{name}StepLR", "optimizer", step_size=(phase.of("size"), None), gamma=(phase.of("gamma"), 0.1)
            )
        case "multistep":
            times = sorted(phase.of("milestones"))
            return call(f"{name}MultiStepLR", "optimizer", milestones=(times, None), gamma=(phase.of("gamma"), 0.1))
        case "exponential":
            return call(f"{name}ExponentialLR", "optimizer", gamma=(phase.of("gamma"), None))
        case "plateau":
            return _plateau(phase)
        case "cyclic":
            return _cyclic(phase, lr)
        case "onecycle":
            return _onecycle(phase, length, epochs)
        case "cosine":
            return call(
                f"{name}CosineAnnealingLR", "optimizer", T_max=(length, None), eta_min=(phase.of("min_lr"), 0.0)
            )
        case _:
            start = (phase.of("start"), None)
            return call(f"{name}LinearLR", "optimizer", start_factor=start, total_iters=(length, None))


def _plateau(phase: Chosen) -> str:
    return call(
        "lr_scheduler.ReduceLROnPlateau",
        "optimizer",
        factor=(phase.of("factor"), 0.1),
        patience=(phase.of("patience"), 10),
        threshold=(phase.of("threshold"), 1e-4),
        cooldown=(phase.of("cooldown"), 0),
        min_lr=(phase.of("min_lr"), 0.0),
        eps=(0.0, 1e-8),  # or else a small rate would stop falling
    )


def _cyclic(phase: Chosen, lr: float) -> str:
    return call(
        "lr_scheduler.CyclicLR",
        "optimizer",
        base_lr=(lr, None),
        max_lr=(phase.of("max_lr"), None),
        step_size_up=(phase.of("up"), 2000),
        step_size_down=(phase.of("down"), None),
        mode=(repr(phase.of("mode")).replace("'", '"'), '"triangular"'),
        gamma=(phase.of("gamma"), 1.0),
        cycle_momentum=(False, True),
    )


def _onecycle(phase: Chosen, length: str, epochs: int) -> str:
    rise = phase.of("rise")
    times = round(1 / rise) if rise else 0
    if times and times % epochs == 0 and abs(rise * times - 1) < 1e-9:
        rise = f"{rise!r} + 1e-12"  # a rise of one step, which PyTorch divides by 0 for
    return call(
        "lr_scheduler.OneCycleLR",
        "optimizer",
        max_lr=(phase.of("max_lr"), None),
        total_steps=(length, None),
        pct_start=(rise, 0.3),
        anneal_strategy=(f'"{phase.of("anneal")}"', '"cos"'),
        cycle_momentum=(phase.of("momentum"), True),
        div_factor=(phase.of("div"), 25.0),
        final_div_factor=(phase.of("final_div"), 1e4),
    )


def misfit(recipe: Recipe, steps_per_epoch: int) -> str:
    """Why a schedule in steps does not fit a run, or an empty text."""
    (least, end), run = reach(recipe.schedule), recipe.epochs * steps_per_epoch
    if run < least:
        return f"it needs at least {least} steps, the run has {run}"
    return f"it ends after step {end} of {run}" if end is not None and end < run else ""


def check_lines(recipe: Recipe) -> list[str]:
    """The same for the script, where the number of steps is known when the data is."""
    least, end = reach(recipe.schedule)
    lines = ["steps = EPOCHS * len(self.order)"]
    if least > 1:
        message = f"the schedule needs at least {least} steps, the run has {{steps}}"
        lines += [f"if steps < {least}:", f'    raise SystemExit(f"{message}")']
    if end is not None:
        lines += [f"if steps > {end}:", f'    raise SystemExit(f"the schedule ends after step {end} of {{steps}}")']
    return lines if len(lines) > 1 else []


def lines(recipe: Recipe) -> list[str]:
    """The function `make_schedule`; without a schedule the rate stays as it is."""
    assert recipe.optimizer is not None
    stepwise = recipe.by == "step"
    phases = recipe.schedule or (Chosen("constant", (("length", None), ("factor", 1.0))),)
    unit = "optimizer steps" if stepwise else "epochs"
    head = f"def make_schedule(optimizer{', steps_per_epoch' if stepwise else ''}):"
    body, milestones, names, begin = [], [], [], 0
    total = "EPOCHS * steps_per_epoch" if stepwise else "EPOCHS"
    for i, phase in enumerate(phases):
        known = phase.of("length")
        rest = f"max(1, {total} - {begin})" if stepwise else f"{total} - {begin}"
        length = str(known) if known is not None else rest if begin else total
        text = expression(phase, recipe.optimizer.of("lr"), length, recipe.epochs)
        if len(phases) == 1:
            body += wrapped(f"    return {text}")
            break
        names.append(phase.name if [p.name for p in phases].count(phase.name) == 1 else f"{phase.name}{i + 1}")
        body += wrapped(f"    {names[-1]} = {text}")
        begin += known or 0
        milestones.append(begin)
    if len(phases) > 1:
        listed = f"[{', '.join(names)}]"
        body += wrapped(f"    return lr_scheduler.SequentialLR(optimizer, {listed}, milestones={milestones[:-1]})")
    return [head, f'    """The schedule of the learning rate, counted in {unit}."""', *body]
