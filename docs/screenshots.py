"""Draws docs/images/report.png, the README's picture of an HTML report: `make screenshots`. Needs Chromium."""

import shutil
import sys
import tempfile
from pathlib import Path

import cnnc
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).resolve().parent
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
LINE = "proj=conv1x1"
"""What the selected line of the spec says."""


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is needed; on Debian: apt-get install chromium")
    target = DOCS / "images/report.png"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = Path(folder, "report.html")
        cnnc.load(DOCS.parent / "examples/resnet50.cnn").to_html(report)
        context = playwright.chromium.launch_persistent_context(
            Path(folder, "profile"), executable_path=chromium, args=FLAGS, viewport={"width": 1280, "height": 1330}
        )
        page = context.new_page()
        page.goto(report.as_uri())
        page.locator("#spec button.source", has_text=LINE).click()
        page.mouse.move(0, 0)
        page.screenshot(path=target)
        context.close()
    print(f"wrote {target}, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
