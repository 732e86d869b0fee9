"""The screenshots of the web page in the README: `python -m tests.api.screenshots OUT_DIR`.

They show a real service on the index of the shipped documents, which `make setup` makes.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.api.conftest import Server
from tests.api.web_page import Page
from tests.browser import open_browser

COLORS = 128


def take_screenshots(page: Page, folder: Path) -> None:
    """An answer in French with its source beside it, and a refusal in English on a phone."""
    page.browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    _open(page, "fr", "light", 1280, 720)
    page.ask("Combien de personnes travaillent à PariSanté Campus ?")
    page.open_source(page.find(".answer button.cite"))
    _save(page, folder / "answer.png")

    _open(page, "en", "dark", 390, 826)
    page.ask("How many people work at PariSanté Campus?")
    page.ask("Is there a canteen?")
    page.run("scrollTo(0, 0)")
    _save(page, folder / "phone.png")


def _open(page: Page, language: str, scheme: str, width: int, height: int) -> None:
    page.show_scheme(scheme)
    page.open(language)
    page.resize(width, height, scale=2)
    # A browser without a desktop has no font of its system.
    page.run("document.body.style.fontFamily = 'Liberation Sans, sans-serif'")


def _save(page: Page, path: Path) -> None:
    """In few colors: that is a fraction of the size, and looks the same."""
    page.run("document.activeElement.blur()")
    image = Image.open(io.BytesIO(page.browser.get_screenshot_as_png())).convert("RGB")
    image.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(dict(os.environ))
    try:
        with tempfile.TemporaryDirectory() as profile, open_browser(Path(profile)) as browser:
            take_screenshots(Page(browser, str(server.client.base_url)), folder)
    finally:
        server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
