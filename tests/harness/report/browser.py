"""A headless Chromium of this machine."""

import os
import shutil
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")


class NoBrowser(Exception):
    """No browser can be started; the message names what is not installed."""


def start() -> Any:
    """Returns a driver of the browser.

    Raises:
        NoBrowser: Selenium, Chromium or its driver is not installed.
    """
    try:
        from selenium import webdriver
    except ImportError as error:
        raise NoBrowser("selenium is not installed") from error
    binary = next((found for name in NAMES if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        raise NoBrowser("chromium and chromedriver are not installed (apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(argument)
    if os.geteuid() == 0:  # the sandbox refuses to run as root
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
