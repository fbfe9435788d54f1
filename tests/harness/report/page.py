"""Helper to open a page in the browser and query it."""

import json
import time
from pathlib import Path
from typing import Any

_DRAW_TIMEOUT = 20.0  # seconds that charts may take


class Page:
    """A file that the browser shows."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, dark: bool = False) -> None:
        self.browser = browser
        for log in ("browser", "performance"):
            browser.get_log(log)  # of the page before
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.address = path.absolute().as_uri()
        browser.get("about:blank")
        browser.get(self.address)

    def run(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def draw_all(self) -> int:
        """Shows every board, as printing does, waits for the charts and returns their number."""
        self.run("for (const b of document.querySelectorAll('.board')) b.hidden = false;")
        self.run("window.dispatchEvent(new Event('beforeprint'))")
        until = time.monotonic() + _DRAW_TIMEOUT
        while self.run("return document.querySelectorAll('.plot:not([data-drawn])').length"):
            assert time.monotonic() < until, "a chart is not drawn"
            time.sleep(0.1)
        return int(self.run("return document.querySelectorAll('.plot[data-drawn] svg.main-svg').length"))

    def column(self, table: str, header: str) -> list[str]:
        """The shown cells of a column."""
        script = """
            const table = document.getElementById(arguments[0]);
            const names = Array.from(table.tHead.rows[0].cells, cell => cell.textContent.trim());
            const place = names.indexOf(arguments[1]);
            const rows = Array.from(table.tBodies[0].rows).filter(row => !row.hidden);
            return rows.map(row => row.cells[place].textContent.trim());
        """
        return list(self.run(script, table, header))

    def complaints(self) -> list[str]:
        """Returns the console's messages: errors, violations of the page's content security policy, warnings."""
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def requests(self) -> list[str]:
        """Returns the addresses that the page requested, without its own and those of embedded images."""
        messages = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        own = (self.address, "about:blank")
        return [url for url in urls if url.partition("#")[0] not in own and not url.startswith("data:")]
