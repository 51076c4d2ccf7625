"""Declarations of a program and of the files that it uses: blocks, shared layers, `set` lines, build parameters."""

from typing import Any, NamedTuple

from .. import syntax as ast
from ..diagnostics import CnncError, Diagnostic, Label, Sink, show, similar
from ..ir import Value
from ..limits import Limits
from ..ops import NAMES
from ..ops.composite import COMPOSITES
from ..source import Source, Span
from .apply import Applier
from .bind import suggest
from .build import Frame
from .circles import Step, circle_of_files, place_of
from .initials import INIT
from .instances import Shared
from .modules import Loader, prelude_block, prelude_paragraphs
from .names import COMBINATORS, CONVERTIBLE, EXTENTS, is_layer, split_suffix
from .scope import ABSENT, NO_SETTINGS, UNKNOWN, BlockDecl, Env, Fatal, Problem, Ref, Scope, Settings, SharedDecl


class File(NamedTuple):
    """The text of a program or of a file that it uses, and where its names are bound and declared."""

    tree: ast.File
    env: Env
    places: dict[str, Span]


class Libraries(Applier):
    """Binds what files declare, each in its own environment. A file is read once, however often it is used."""

    def __init__(
        self,
        source: Source,
        tree: ast.File,
        sink: Sink,
        limits: Limits,
        loader: Loader | None,
        shared: Shared | None,
        frame: Frame,
    ) -> None:
        super().__init__(sink, limits, shared, frame)
        self.source, self.tree, self.loader = source, tree, loader
        self.scope = Scope(None, NO_SETTINGS, frame, "net")
        self.main = File(tree, Env(source, None, self.scope, 0), {})
        self.env, self.places = self.main.env, self.main.places
        self.prelude_refs: dict[str, Ref] = {}
        self.libraries: dict[str, dict[str, Ref]] = {}  # the blocks of used files, by path

    def prelude(self, name: str) -> Ref | None:
        if name not in self.prelude_refs:
            if name not in prelude_paragraphs():
                return None
            self.prelude_refs[name] = Ref(BlockDecl(prelude_block(name), self.prelude_env, NO_SETTINGS), name)
        return self.prelude_refs[name]

    # Files

    def declare_used(self, item: ast.Use, file: File, trail: tuple[Step, ...]) -> None:
        """Bind the blocks of another file in this one, or those of them that are listed."""
        try:
            blocks = self.used_blocks(item.path, file.env, trail)
        except Problem as problem:
            self.report(problem)
            self.names_missing = True
            return
        wanted = item.names or tuple(ast.Name(item.path.pos, name) for name in blocks)
        for name in wanted:
            if name.id in blocks:
                self.declare_name(name, blocks[name.id], file)
            else:
                self.silenced.add(name.id)
                close = similar(name.id, blocks, 0.6)
                way = f"did you mean `{close[0]}`?" if close else f"it has {show(', '.join(blocks)) or 'no blocks'}"
                if not self.names_missing:  # it may be one with a mistake
                    self.report(self.problem("E0340", name, file.env, name=name.id, path=item.path.value, see=way))

    def used_blocks(self, path: ast.String, env: Env, trail: tuple[Step, ...]) -> dict[str, Ref]:
        """The blocks of the file that a `use` line names, by name. Raises Problem for a circle (E0338).

        trail: the files that led here, each with the place at which it names the next.
        """
        if self.loader is None:
            raise self.problem("E0341", path, env, reason="this program has no folder to look in")
        try:
            source = self.loader(path.value, env.source)
        except CnncError as error:
            first = error.diagnostics[0]
            reason = first.title if first.code == "E0502" else first.label or first.title
            raise self.problem("E0341", path, env, reason=reason) from None
        trail = (*trail, Step(place_of(env.source), env.span(path)))
        place = place_of(source)
        if place in [step.name for step in trail]:
            raise circle_of_files(place, trail)
        if place not in self.libraries:
            tree, found = self.plans.tree(source, self.limits)
            for diagnostic in found:
                self.sink.add(diagnostic)
                self.names_missing = self.names_missing or diagnostic.is_error
            self.trees[source] = tree
            file = File(tree, Env(source, None, Scope(None, title=source.name), ("file", place)), {})
            self.libraries[place] = self.library(file, trail)
        return self.libraries[place]

    def library(self, file: File, trail: tuple[Step, ...]) -> dict[str, Ref]:
        """The blocks that a used file declares itself. They read its names; its build parameters have their defaults.

        What is wrong with a value of the file is reported where a block reads it: its inputs are passed over, so none
        can be made from its flow.
        """
        self.declare(file, trail)
        for item in file.tree.items:
            if isinstance(item, ast.Net):
                for param in item.params:
                    if param.default is not None:
                        value = self.evaluate(param.default, file.env)
                        self.declare_name(ast.Name(param.pos, param.name), value, file)
            elif isinstance(item, ast.Binding):
                self.declare_name(item.define.name, self.value_of(item.define, file.env), file)
        own = [item.name.id for item in file.tree.items if isinstance(item, ast.Block)]
        found = {name: file.env.names[name] for name in own}
        return {name: ref for name, ref in found.items() if isinstance(ref, Ref)}

    def value_of(self, define: ast.Define, env: Env) -> object:
        """What `NAME = value` of a file names, or the Problem with it."""
        try:
            value = self.evaluate(define.value, env)
        except Fatal:
            raise
        except Problem as problem:
            return problem
        if is_layer(value) or value is ABSENT:
            return self.problem("E0332", define.value, env, name=define.name.id)
        return value

    # Declarations

    def declare(self, file: File, trail: tuple[Step, ...] = ()) -> dict[int, Settings]:
        """Bind blocks, shared layers and what is used; the `set` defaults in force at each item."""
        settings = NO_SETTINGS
        in_force: dict[int, Settings] = {}
        for index, item in enumerate(file.tree.items):
            if isinstance(item, ast.Set):
                settings = self.extend_settings(settings, item, file)
            in_force[index] = settings
            if isinstance(item, ast.Use):
                self.declare_used(item, file, trail)
            elif isinstance(item, ast.Block):
                self.check_params(item, file)
                self.declare_name(item.name, Ref(BlockDecl(item, file.env, settings), item.name.id), file)
            elif isinstance(item, ast.Shared):
                self.declare_name(item.name, Ref(SharedDecl(item, file.env, settings), item.name.id), file)
        return in_force

    def declare_name(self, name: ast.Name, value: object, file: File | None = None) -> None:
        """Bind a name of a file, by default the program's. A second declaration of it is reported, unless it says the
        same, as where a file is used twice."""
        file = file or self.main
        names, span = file.env.names, file.env.span(name)
        if name.id in names:
            if names[name.id] is value and isinstance(value, Ref):
                return
            first = file.places.get(name.id, span)
            first, again = sorted((first, span), key=lambda place: place.start)  # blocks are declared before parameters
            labels = (Label(first, "declared here before"),) if first is not again else ()
            self.report(Problem("E0312", again, labels=labels, name=name.id))
            if isinstance(names[name.id], Ref) and not isinstance(value, (Ref, Value)):
                names[name.id] = UNKNOWN  # a layer or a number: its uses are no further mistakes
            return
        if name.id in EXTENTS:
            self.silenced.add(name.id)
            self.report(Problem("E0337", span, name=name.id))
            return
        if is_layer_name(name.id) and file is self.main:
            self.sink.add(Diagnostic("W0601", {"name": name.id}, span))
        names[name.id] = value
        file.places[name.id] = span

    def check_params(self, block: ast.Block, file: File) -> None:
        """Names of parameters and `where` definitions: each once, none with a fixed meaning, layers with a remark."""
        seen: dict[str, Span] = {}
        names = [(param.name, param) for param in block.params] + [(c.name.id, c.name) for c in block.where]
        for name, node in names:
            if name in EXTENTS:
                self.silenced.add(name)
                self.report(self.problem("E0337", node, file.env, name=name))
            elif name in seen:
                self.report(again("E0312", file.env.span(node), seen[name], name=name))
            elif is_layer_name(name) and file is self.main:
                self.sink.add(Diagnostic("W0601", {"name": name}, file.env.span(node)))
            seen.setdefault(name, file.env.span(node))

    # Defaults

    def extend_settings(self, settings: Settings, item: ast.Set, file: File) -> Settings:
        """The defaults with those of one `set` line added. The line's own mistakes are reported here."""
        name = item.name.id
        if self.is_init(item, file):
            return settings
        entry = NAMES.get(name) or COMPOSITES.get(name)
        name = entry.name if entry is not None else name  # an alias stands for its layer
        known = list(entry.params) if entry is not None else self.block_params(name, file)
        if known is None:
            stem, suffix = split_suffix(name)
            has_suffix = suffix is not None and (stem in CONVERTIBLE or self.block_params(stem, file) is not None)
            help_text = f"write set {stem}(…)" if has_suffix else self.did_you_mean(name, file.env)
            what = f"`{name}` is not a layer or block with defaults"
            self.report(self.problem("E0325", item.name, file.env, what=what, help=help_text))
            return settings
        added = {}
        for argument in item.args:
            if argument.name is None:
                self.report(self.problem("E0325", argument, file.env, what="a value without a name"))
            elif argument.name not in known:
                help_text = suggest(argument.name, known, name)
                self.report(self.problem("E0302", argument, file.env, name=argument.name, layer=name, see=help_text))
            else:
                added[argument.name] = argument.value
        return settings.with_line(name, added, item)

    def is_init(self, item: ast.Set, file: File) -> bool:
        """Whether a `set` line is about initial values; a block may be called init."""
        return item.name.id == INIT and self.block_params(INIT, file) is None

    def block_params(self, name: str, file: File) -> list[str] | None:
        """The parameters of a block of this file, of one that it uses, or of the prelude."""
        for item in file.tree.items:
            if isinstance(item, ast.Block) and item.name.id == name:
                return [param.name for param in item.params]
        ref = file.env.names.get(name) or self.prelude(name)
        decl = ref.target if isinstance(ref, Ref) else None
        return [param.name for param in decl.node.params] if isinstance(decl, BlockDecl) else None


def is_layer_name(name: str) -> bool:
    return name in NAMES or name in COMPOSITES or name in COMBINATORS


def again(code: str, span: Span, first: Span, **facts: Any) -> Problem:
    """The mistake of saying something twice, with a label where it was said first."""
    return Problem(code, span, labels=(Label(first, "declared here before"),), **facts)
