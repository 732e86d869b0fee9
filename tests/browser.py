"""A real browser for the tests: Debian's Chromium, driven by Selenium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

_FLAGS = """
--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking
--disable-component-update --disable-sync --window-size=1200,900
"""

needs_browser = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="the programs chromium and chromedriver are not installed",
)


@contextmanager
def open_browser(profile: Path) -> Iterator[Chrome]:
    """A browser with an empty profile, which keeps what the page writes to its console."""
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*_FLAGS.split(), f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()
