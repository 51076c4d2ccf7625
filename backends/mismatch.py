"""What is said where the layers of a file and those of a network do not fit, or fit in several ways."""

from collections import Counter
from collections.abc import Iterable

from ..compiler.diagnostics import CnncError, Diagnostic, MismatchError, show, usage
from .foreign import Leaf
from .match import Unsettled

SHOWN = 4
"""Names that are listed where there are more of a kind."""


def left_over(ours: list[Leaf], theirs: list[Leaf], help: str | None = None) -> CnncError:
    """E0516, with the first layers that only one side has."""
    reasons = []
    lacking, surplus = _without(ours, theirs), _without(theirs, ours)
    if lacking:
        first = lacking[0]
        reasons.append(f"nothing in the file is like {first.path or 'the first layer'} ({told(first)}){_more(lacking)}")
    if surplus:
        name = next(iter(surplus[0].parts.values())).names[0]
        reasons.append(f"no place for {name} ({told(surplus[0])}){_more(surplus)} of the file")
    return refused("; ".join(reasons), help)


def _without(some: list[Leaf], others: list[Leaf]) -> list[Leaf]:
    """Those of some layers that have no counterpart among others, whatever their names: each by its own name first."""
    there = Counter(leaf.form for leaf in others)
    names = {(leaf.path, leaf.form) for leaf in others}
    left = []
    for leaf in sorted(some, key=lambda leaf: (leaf.path, leaf.form) not in names):
        if there[leaf.form]:
            there[leaf.form] -= 1
        else:
            left.append(leaf)
    place = {leaf.path: i for i, leaf in enumerate(some)}
    return sorted(left, key=lambda leaf: place[leaf.path])


def _more(layers: list[Leaf]) -> str:
    return "" if len(layers) == 1 else f" and {len(layers) - 1} more layer{'s' if len(layers) > 2 else ''}"


def told(leaf: Leaf) -> str:
    """A layer's tensors with their shapes."""
    return ", ".join(f"{part.rpartition('.')[2]} {show(source.shape)}" for part, source in leaf.parts.items())


def refused(reason: str, help: str | None = None) -> CnncError:
    """E0516; `help` in the place of the usual one."""
    return usage("E0516", reason=reason, **({"help": help} if help else {}))


def unclear(unsettled: list[Unsettled]) -> CnncError:
    """E0527, with a note for each of the first groups that can be paired in several ways."""
    count = sum(len(node.leaves()) for group in unsettled for node in group.ours)
    notes = []
    for group in unsettled[:SHOWN]:
        ours = [_scope_of([leaf.leaf.path for leaf in node.leaves() if leaf.leaf]) for node in group.ours]
        theirs = [_scope_of([leaf.leaf.path for leaf in node.leaves() if leaf.leaf]) for node in group.theirs]
        if group.turned:
            notes.append(f"{few(theirs)} have the shapes of {few(ours)}, but may follow each other the other way round")
        else:
            notes.append(f"{few(ours)} may each be {few(theirs, 'or')}")
    if len(unsettled) > SHOWN:
        notes.append(f"and so on in {len(unsettled) - SHOWN} more places")
    return MismatchError([Diagnostic("E0527", {"count": count}, None, (), tuple(notes))])


def _scope_of(paths: list[str]) -> str:
    """What paths have in common, up to a dot."""
    first = paths[0].split(".")
    common = len(first)
    for path in paths[1:]:
        parts = path.split(".")
        while parts[:common] != first[:common]:
            common -= 1
    return ".".join(first[:common])


def few(names: Iterable[str], word: str = "and") -> str:
    """Names as a list in words, the first of many."""
    names = [show(name) for name in names]
    if len(names) > SHOWN:
        return f"{', '.join(names[:SHOWN])} {word} {len(names) - SHOWN} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
