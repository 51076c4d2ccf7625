"""The command line in this process: a program in a folder of its own, what a command prints and writes there."""

import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cnnc.compiler.cli import run
from generate import Program
from verdicts import Disagreement

BLOCKS = Path(__file__).with_name("generate") / "blocks.cnn"


class Printed(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str

    def data(self) -> Any:
        """The JSON that was printed, in which every number is finite."""
        return json.loads(self.out, parse_constant=lambda name: _refuse(name))


def _refuse(name: str) -> Any:
    raise Disagreement("JSON holds what is not a number", name)


@contextmanager
def captured() -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    """Standard streams that keep what is printed; reading finds nothing."""
    before = sys.stdin, sys.stdout, sys.stderr
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in before]
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        yield streams[1], streams[2]
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def call(*arguments: str) -> Printed:
    """Run a command through the function that the command line runs. What it does not expect comes out as it is."""
    os.environ["CNNC_TRACEBACK"] = "1"
    with captured() as (out, err):
        try:
            status = run(arguments)
        except SystemExit as leave:  # argparse's
            status = leave.code if isinstance(leave.code, int) else 2
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode("utf-8"))  # type: ignore[attr-defined]
    return Printed(status, *texts)


class Shell:
    """Commands in a folder that holds `net.cnn` and the blocks that some programs use."""

    def __init__(self, program: Program) -> None:
        self.request = request(program)

    def ask(self, *arguments: str, status: int | tuple[int, ...] = 0, refusals: tuple[str, ...] = ()) -> Printed:
        """What a command prints on the program. Raises Disagreement for another status.

        refusals: codes of diagnostics that a valid program may be answered with here.
        """
        name, *rest = arguments
        return self.call(name, "net.cnn", *self.request, *rest, status=status, refusals=refusals)

    def call(self, *arguments: str, status: int | tuple[int, ...] = 0, refusals: tuple[str, ...] = ()) -> Printed:
        """The same for a command line as it is."""
        found = call(*arguments)
        wanted = (status,) if isinstance(status, int) else status
        if found.status not in wanted and not any(f"error[{code}]" in found.err for code in refusals):
            raise Disagreement(f"cnnc {arguments[0]} ends with {found.status}", f"{' '.join(arguments)}\n{found.err}")
        return found


def request(program: Program) -> list[str]:
    """The arguments that give a program its input shape and build parameters."""
    shape = [] if program.input is None else ["--input", program.input]
    return [*shape, *(f"-D{name}={value}" for name, value in program.params.items())]


@contextmanager
def folder(program: Program) -> Iterator[Shell]:
    """A temporary folder with the program in it, as the present one."""
    with tempfile.TemporaryDirectory(prefix="cnnc") as name, chdir(name):
        shutil.copy(BLOCKS, "blocks.cnn")
        Path("net.cnn").write_text(program.text, encoding="utf-8")
        yield Shell(program)
