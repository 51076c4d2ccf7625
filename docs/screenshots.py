"""Draws the README's pictures in docs/images: `make screenshots`. Needs Chromium.

report.png is an HTML report, terminal.png what `cnnc analyze` draws on a terminal, drawing.png what `cnnc draw` writes.
"""

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cnnc
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).resolve().parent
EXAMPLES = DOCS.parent / "examples"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
LINE = "proj=conv1x1"
"""What the selected line of the spec says."""
COMMAND = "cnnc analyze examples/resnet50.cnn --by block"
COLUMNS = 112
FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""What rich would have a browser fetch."""
SHEET = """<!DOCTYPE html><body style="margin: 0; width: max-content; display: flex; gap: 24px; background: #fff">
<div>{whole}</div>
<div style="height: {height}px; overflow: hidden; mask-image: linear-gradient(#000 88%, transparent)">{start}</div>"""


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is needed; on Debian: apt-get install chromium")
    (DOCS / "images").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            Path(folder, "profile"), executable_path=chromium, args=FLAGS, viewport={"width": 1280, "height": 1400}
        )
        page = context.new_page()
        for name, options in pictures(page, Path(folder)):
            target = DOCS / "images" / name
            options.pop("of", page).screenshot(path=target, **options)
            print(f"wrote {target}, {target.stat().st_size:,} bytes")
        context.close()


def pictures(page: Any, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each picture's name once the page shows it, with what to take of the page."""
    report = folder / "report.html"
    cnnc.load(EXAMPLES / "resnet50.cnn").to_html(report)
    page.goto(report.as_uri())
    page.locator("#spec button.source", has_text=LINE).click()
    page.mouse.move(0, 0)
    memory = page.locator("#memory").bounding_box()
    yield "report.png", {"clip": {"x": 0, "y": 0, "width": 1280, "height": memory["y"] + memory["height"] + 16}}
    page.set_content(f'<body style="margin: 0; width: 900px">{terminal()}')
    yield "terminal.png", {"of": page.locator("svg").first, "omit_background": True}
    page.set_content(drawings())
    yield "drawing.png", {"of": page.locator("body")}


def terminal() -> str:
    """What the command shows on a terminal of its own, as SVG."""
    ours, theirs = pty.openpty()
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLORTERM")}
    settings = {**plain, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    command = [str(Path(sys.executable).with_name("cnnc")), *COMMAND.split()[1:]]
    process = subprocess.Popen(command, stdout=theirs, cwd=DOCS.parent, env=settings)
    os.close(theirs)
    shown = b"".join(read(ours))
    if process.wait():
        sys.exit(f"{COMMAND} failed")
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "bright_black"), (COMMAND, "bold")))
    console.print(Text.from_ansi(shown.decode().replace("\r\n", "\n")), soft_wrap=True)
    return FONTS.sub("", console.export_svg(title="cnnc"))


def read(terminal: int) -> Iterator[bytes]:
    """What comes until the other end closes, which Linux reports as an error."""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            data = b""
        if not data:
            os.close(terminal)
            return
        yield data


def drawings() -> str:
    """U-Net with its inner blocks closed, and beside it the beginning of ResNet-50 with all of them open."""
    from cnnc.compiler.drawing import svg

    whole = svg(cnnc.load(EXAMPLES / "unet.cnn").graph, depth=1, prefix="whole-")
    height = re.search(r'height="([\d.]+)"', whole)
    assert height
    start = svg(cnnc.load(EXAMPLES / "resnet50.cnn").graph, prefix="start-")
    return SHEET.format(whole=whole, start=start, height=height[1])


if __name__ == "__main__":
    main()
