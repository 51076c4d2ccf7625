"""What a worker must know to evaluate any point of a space: texts instead of paths, since it may be another machine."""

import hashlib
import json
from typing import Any, NamedTuple

from .. import syntax as ast
from ..devices import find_device
from ..diagnostics import usage
from ..elaborate.modules import Loader
from ..files import read_source
from ..limits import Limits
from ..roofline import Device
from ..source import Source
from ..template import Template
from .points import Points
from .space import Space
from .values import Place

CHUNK = 32
"""Points that are evaluated in one go, stored together, and lost when a worker is killed."""


class Text(NamedTuple):
    """A source, in the form in which it travels."""

    text: str
    name: str
    path: str | None


class Job(NamedTuple):
    """A sweep. `used` has the files that `use` lines name: as written, the path of the user, the text."""

    space: Space
    device: Device | None
    limits: Limits
    program: Text
    used: tuple[tuple[str, str | None, Text], ...]
    version: str


def make_job(space: Space, path: str, limits: Limits, root: str | None = None) -> Job:
    """Read the program, the files that it uses and the device. Raises CnncError for what is wrong with them.

    path: what the space is called in messages. root: the folder that the files must lie in. Nothing is said here of
    networks that do not compile.
    """
    from ... import __version__

    source = read_source(space.network, limits, root)
    template = Template(source, limits=limits)
    check_params(space, path, template)
    device = find_device(space.device, root) if space.device is not None else None
    for dtype in space.dtypes if device is not None else ():
        if device is not None and dtype not in device.dtypes:
            raise usage("E0533", device=device.name, dtype=dtype, known=", ".join(device.dtypes))
    used = used_files(template, space)
    return Job(space, device, limits, Text(source.text, source.name, source.path), used, __version__)


def check_params(space: Space, path: str, template: Template) -> None:
    """Refuse parameters that the program does not have; no point would compile."""
    known = [p.name for item in template.tree.items if isinstance(item, ast.Net) for p in item.params]
    for name, _ in space.params:
        if name not in known:
            reason = f"the program has no build parameter `{name}`"
            Place(path, f"params.{name}").wrong(reason, f"it has {', '.join(known) or 'none'}")


def used_files(template: Template, space: Space) -> tuple[tuple[str, str | None, Text], ...]:
    """The texts that the program's `use` lines lead to, found by compiling the first point."""
    found: dict[tuple[str, str | None], Text] = {}
    load = template.loader

    def recording(path: str, user: Source) -> Source:
        source = load(path, user)
        found[path, user.path] = Text(source.text, source.name, source.path)
        return source

    template.loader = recording
    first = Points(space).at(0)
    template.build(first.input, first.params)
    return tuple((path, user, text) for (path, user), text in found.items())


def loader_of(job: Job) -> Loader:
    """Gives the texts that were read when the sweep began."""
    texts = {(path, user): Source(*text) for path, user, text in job.used}

    def load(path: str, user: Source) -> Source:
        if (path, user.path) not in texts:
            raise usage("E0501", path=path, reason="it could not be read when the sweep began")
        return texts[path, user.path]

    return load


def identity(job: Job) -> dict[str, str]:
    """What must be the same for a sweep to go on where it stopped: digests, and the version. Paths are not in it."""
    texts = [job.program[:2], *((path, text[:2]) for path, _, text in job.used)]
    space, limits = job.space._replace(network="", device=None), job.limits._replace(allow_outside=False)
    return {"version": job.version, "program": digest(texts), "space": digest([space, job.device, limits, CHUNK])}


def digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(repr(data)).encode()).hexdigest()
