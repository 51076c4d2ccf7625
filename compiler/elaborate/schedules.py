"""The schedule of a `train` section: phases in a chain, which together last as long as the run."""

from .. import syntax as ast
from ..recipe.recipe import Chosen
from ..recipe.schedules import SCHEDULES, last_change
from .choices import Reader
from .scope import UNKNOWN


class ScheduleReader(Reader):
    """Reads a chain of schedules."""

    def read(self, node: ast.Expr) -> tuple[tuple[Chosen, ...], str]:
        """The phases, and whether they count epochs or steps. Raises Problem (E0351, E0354)."""
        links = links_of(node)
        phases = [self.chosen(SCHEDULES, "schedule", link) for link in links]
        if any(phase is UNKNOWN for phase in phases):
            return (), "epoch"
        for phase, link in zip(phases, links, strict=True):
            reason = SCHEDULES[phase.name].alone
            if reason and len(links) > 1:
                what = f"`{phase.name}` stands in no chain: {reason}"
                raise self.problem("E0354", link, what=what, way="use it alone")
        if phases[-1].name == "warmup":
            way = "add one: `warmup(5) -> constant`"
            raise self.problem("E0354", links[-1], what="after `warmup` another schedule follows", way=way)
        for phase, link in zip(phases[:-1], links, strict=False):
            if phase.of("length") is None:
                what = f"`{phase.name}` is not the last of the chain, so it needs a length"
                raise self.problem("E0354", link, what=what, way=f"`{phase.name}(…, length=…)`")
        return tuple(phases), self.unit(phases, node)

    def unit(self, phases: list[Chosen], node: ast.Expr) -> str:
        """What all phases count: what one of them says, or what is usual for them."""
        said = {phase.of("by") for phase in phases} - {None}
        units = said or {SCHEDULES[phase.name].by for phase in phases}
        if len(units) > 1:
            what = "one part counts epochs, another optimizer steps"
            raise self.problem("E0354", node, what=what, way="write `by=epoch` or `by=step`")
        return str(units.pop())

    def check_length(self, phases: tuple[Chosen, ...], node: ast.Expr, epochs: int) -> None:
        """The phases cover a run of so many epochs and none reaches beyond it. Raises Problem (E0354, E0355)."""
        begin = 0
        links = links_of(node)
        for phase, link in zip(phases, links, strict=True):
            length = phase.of("length")
            end = epochs if length is None else begin + length
            reach = max(end, begin + 1, begin + last_change(phase))
            if reach > epochs or begin + last_change(phase) >= end:
                raise self.problem("E0355", link, reach=max(reach, end), end=end, epochs=epochs)
            begin = end
        if begin < epochs:
            what = f"the schedule ends after epoch {begin} of {epochs}"
            raise self.problem("E0354", links[-1], what=what, way="leave the last length out, or add `-> constant`")


def links_of(node: ast.Expr) -> tuple[ast.Expr, ...]:
    node = ast.bare(node)
    return node.links if isinstance(node, ast.Chain) else (node,)
