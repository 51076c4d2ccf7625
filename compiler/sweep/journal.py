"""What a sweep has found so far, on disk: an SQLite database beside the result, one line for each chunk.

A chunk is there as a whole or not at all, whenever the process dies, and none is there twice.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..diagnostics import usage
from .evaluate import Chunk, Stored

ENDING = ".sweep"


def files_of(path: Path) -> list[Path]:
    """A journal's file and those that SQLite keeps beside it."""
    return [Path(f"{path}{ending}") for ending in ("", "-wal", "-shm", "-journal")]


class Journal:
    """The chunks of one sweep. Without a path they lie in a temporary file that goes with the process."""

    def __init__(self, path: Path | None, identity: dict[str, str], chunks: int, restart: bool = False) -> None:
        """Open or make it. Raises UsageError: E0594 for another sweep's, E0503 where it cannot be written."""
        self.path = path
        self.done = bytearray(chunks)
        if restart and path is not None and path.exists():
            self.discard(path)
        with self.telling():
            self.base = sqlite3.connect("" if path is None else str(path), isolation_level=None, timeout=0.2)
            try:
                self.open(identity)
            except BaseException:
                self.base.close()
                raise

    def discard(self, path: Path) -> None:
        """Delete what another run has left, be it a journal or not, unless it is still at work (E0599)."""
        probe = sqlite3.connect(str(path), isolation_level=None, timeout=0.2)
        try:
            probe.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise usage("E0599", path=str(path)) from None
        finally:
            probe.close()
        self.remove_files()

    def open(self, identity: dict[str, str]) -> None:
        self.base.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.base.execute("PRAGMA journal_mode = WAL")  # a commit needs no sync to survive the death of the process
        self.base.execute("PRAGMA synchronous = NORMAL")
        self.base.execute("BEGIN IMMEDIATE")
        self.base.execute("CREATE TABLE IF NOT EXISTS identity (name TEXT PRIMARY KEY, value TEXT)")
        self.base.execute("CREATE TABLE IF NOT EXISTS chunks (number INTEGER PRIMARY KEY, rows TEXT, tally TEXT)")
        known = dict(self.base.execute("SELECT name, value FROM identity"))
        if not known:
            self.base.executemany("INSERT INTO identity VALUES (?, ?)", identity.items())
        self.base.execute("COMMIT")
        changed = [name for name, value in identity.items() if known and known.get(name) != value]
        if changed:
            what = {"version": "another version of cnnc", "program": "another program", "space": "another space"}
            reason = f"it is of {' and '.join(what[name] for name in changed)}"
            raise usage("E0594", path=str(self.path), reason=reason)
        for (number,) in self.base.execute("SELECT number FROM chunks"):
            self.done[number] = 1

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turns what SQLite raises into a UsageError."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            path, code = str(self.path or "temporary results"), getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise usage("E0599", path=path) from None
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
                raise usage("E0594", path=path, reason=str(error)) from None
            raise usage("E0503", path=path, reason=str(error)) from None

    def todo(self) -> Iterator[int]:
        """The numbers of chunks that are missing."""
        at = self.done.find(0)
        while at >= 0:
            yield at
            at = self.done.find(0, at + 1)

    def add(self, chunk: Chunk) -> None:
        with self.telling():
            self.base.execute("INSERT OR IGNORE INTO chunks VALUES (?, ?, ?)", chunk)
        self.done[chunk.number] = 1

    def tallies(self) -> Iterator[dict[str, Any]]:
        with self.telling():
            for (tally,) in self.base.execute("SELECT tally FROM chunks"):
                yield json.loads(tally)

    def rows(self) -> Iterator[Stored]:
        """Every kept point in the order of their numbers."""
        with self.telling():
            for (rows,) in self.base.execute("SELECT rows FROM chunks ORDER BY number"):
                yield from json.loads(rows)

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.base.close()

    def remove(self) -> None:
        """Close it and delete its files."""
        self.close()
        self.remove_files()

    def remove_files(self) -> None:
        for path in files_of(self.path) if self.path is not None else ():
            with suppress(OSError):
                path.unlink(missing_ok=True)
