"""The long checks, one after another: `make trust`. Writes docs/trust.md; scripts' names as arguments run those alone."""

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "docs" / "trust.md"
SCRIPTS = ("programs", "foreign", "mutants", "kills", "hostile", "escapes", "mutation")

HEAD = """# Trust

Written by `make trust`, which takes hours; every section is what one script of `trust/` printed. The same checks with
fewer cases are part of `make test`. Seeds are fixed, so that a run can be done again.
"""


def section(name: str) -> tuple[str, bool]:
    """What a script printed, and whether nothing failed."""
    start = time.monotonic()
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py")], stdout=subprocess.PIPE, text=True, check=False)
    minutes = (time.monotonic() - start) / 60
    return f"{done.stdout.strip()}\n\n`python trust/{name}.py`, {minutes:.0f} minutes.\n", done.returncode == 0


def main() -> int:
    sections, fine = [], True
    for name in sys.argv[1:] or SCRIPTS:
        text, passed = section(name)
        print(text, flush=True)
        sections.append(text)
        fine = fine and passed
    if not sys.argv[1:]:
        TARGET.write_text("\n".join([HEAD, *sections]), encoding="utf-8")
        print(f"wrote docs/{TARGET.name}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
