"""The long checks, one after another: `make trust`. Writes docs/trust.md; with scripts' names only their sections."""

import platform
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "docs" / "trust.md"
SCRIPTS: dict[str, tuple[str, ...]] = {
    "programs": ("--count", "6000"),
    "foreign": (),
    "mutants": ("--count", "50000"),
    "kills": ("--every", "40"),
    "checkpoints": (),
    "escapes": (),
    "hostile": (),
    "mutation": ("--count", "60"),
}
"""The scripts with what keeps a whole run within an hour and a half on two cores; each alone runs as long as asked."""

HEAD = """# Trust

Written by `make trust`; every section is what one script of `trust/` printed last. `make test-trust` runs the same
checks with fewer cases. Seeds are fixed, so a run can be done again. `python trust/run.py mutants kills` runs these
two and replaces their sections.
"""
SECTION = re.compile(r"^## .*?^`python trust/(\w+)\.py\b.*?$", re.MULTILINE | re.DOTALL)


def section(name: str) -> tuple[str, bool]:
    """What a script printed, with the command and how long it took, and whether nothing failed."""
    start = time.monotonic()
    command = [sys.executable, str(HERE / f"{name}.py"), *SCRIPTS[name]]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    minutes = (time.monotonic() - start) / 60
    words = " ".join((f"python trust/{name}.py", *SCRIPTS[name]))
    took = f"`{words}`, {minutes:.0f} minutes, Python {platform.python_version()}."
    return f"{done.stdout.strip()}\n\n{took}", done.returncode == 0


def main() -> int:
    page = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    sections = {match[1]: match[0] for match in SECTION.finditer(page)}
    failed = []
    for name in sys.argv[1:] or SCRIPTS:
        sections[name], fine = section(name)
        failed += [] if fine else [name]
        print(sections[name], end="\n\n", flush=True)
        TARGET.write_text("\n".join([HEAD, *(f"{sections[n]}\n" for n in SCRIPTS if n in sections)]), encoding="utf-8")
    print(f"wrote docs/{TARGET.name}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
