"""The web page, as tests use it: what somebody sees of it and does with it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.api.conftest import wait_for


class Page:
    """The page, as somebody sees and uses it."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self.browser = browser
        self._url = url

    def open(self, language: str = "fr") -> None:
        self.resize(1280, 900)
        self.browser.get(self._url)
        self.find(f"[data-language={language}]").click()

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def show_scheme(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def find(self, selector: str) -> WebElement:
        """The one that is meant by a selector, as soon as it is there."""
        found: list[WebElement] = []

        def look() -> bool:
            found[:] = self.all(selector)
            return bool(found)

        wait_for(look)
        return found[0]

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def run(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def import_(self, module: str, expression: str) -> Any:
        """What an expression of a module's exports `m` comes to, once it is settled."""
        script = f"""
            import("/web/{module}")
                .then(async (m) => {expression})
                .then(arguments[0], (error) => arguments[0](String(error)));
        """
        return self.browser.execute_async_script(script)

    def ask(self, question: str) -> WebElement:
        """Ask, and wait for what comes of it: the turn of the conversation."""
        self.find("#question").send_keys(question + Keys.ENTER)
        self.find(".turn:last-child:is([data-state=answered], [data-state=failed])")
        return self.find(".turn:last-child")

    def open_source(self, link: WebElement) -> WebElement:
        """Follow a citation; gives what is marked."""
        link.click()
        return self.find("#panel[open] mark")

    @property
    def is_marked_in_view(self) -> bool:
        return bool(
            self.run(
                """
                const mark = document.querySelector("mark").getBoundingClientRect();
                const panel = document.querySelector("#panel-body").getBoundingClientRect();
                return mark.top >= panel.top && mark.top < Math.min(panel.bottom, innerHeight);
                """
            )
        )

    @property
    def is_within_its_width(self) -> bool:
        return bool(
            self.run(
                """
                const panel = document.querySelector("#panel-body");
                return document.documentElement.scrollWidth <= innerWidth
                    && panel.scrollWidth <= panel.clientWidth;
                """
            )
        )

    @property
    def failings(self) -> list[str]:
        """What axe-core finds of serious and critical failings, and where."""
        package = importlib.util.find_spec("axe_playwright_python")
        assert package is not None
        assert package.origin is not None
        self.run((Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
        result = self.browser.execute_async_script("axe.run().then(arguments[0])")
        return [
            f"{violation['id']}: {node['html']}"
            for violation in result["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]
