"""Pictures of a report, for the README: ``python -m tests.tools.screens report.html docs``."""

import base64
import sys
from pathlib import Path

from tests.harness.report.browser import start
from tests.harness.report.page import Page

HEIGHT = 1000
PICTURES = {"report-light": (1280, False), "report-dark": (1280, True), "report-narrow": (400, False)}


def main(report: str, folder: str) -> None:
    browser = start()
    for name, (width, dark) in PICTURES.items():
        page = Page(browser, Path(report), width, dark)
        page.draw_all()
        page.run("document.getElementById('choose-board')?.dispatchEvent(new Event('change'))")
        clip = {"x": 0, "y": 0, "width": width, "height": HEIGHT, "scale": 1}
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        path = Path(folder) / f"{name}.png"
        path.write_bytes(base64.b64decode(shot["data"]))
        print(f"wrote {path}")
    browser.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
