from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from evals import EvalResult, QuestionSet, evaluate, load_question_set, render_report
from index import Snapshot
from qa import Answerer
from tests.browser import needs_browser, open_browser
from tests.conftest import QUESTIONS


@pytest.fixture(scope="module")
def result(quick: Answerer) -> EvalResult:
    return evaluate(load_question_set(QUESTIONS), quick, name="interview.jsonl")


@pytest.fixture(scope="module")
def page(result: EvalResult, snapshot: Snapshot) -> str:
    return render_report(result, snapshot)


@pytest.fixture(scope="module")
def browser(page: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    folder = tmp_path_factory.mktemp("report")
    (folder / "report.html").write_text(page, encoding="utf-8")
    with open_browser(folder / "profile") as opened:
        opened.get((folder / "report.html").as_uri())
        yield opened


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    assert not re.search(r'(src|href)="(?!data:,)|url\(|@import|//[a-z]', page)
    assert "default-src 'none'" in page


def test_what_is_shown_is_escaped(quick: Answerer, snapshot: Snapshot) -> None:
    first = load_question_set(QUESTIONS).questions[0]
    attack = first.model_copy(update={"question": "<script>alert(1)</script> & combien ?"})
    page = render_report(evaluate(QuestionSet((attack,)), quick), snapshot)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; combien ?" in page


@needs_browser
def test_every_question_is_there_with_its_citations_marked(
    browser: Chrome, result: EvalResult
) -> None:
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    items = browser.find_elements(By.CSS_SELECTOR, "details.item")
    assert len(items) == 24
    for shown, item in zip(items, result.items, strict=True):
        assert item.question in (shown.get_attribute("textContent") or "")
        marks = shown.find_elements(By.CSS_SELECTOR, "mark.quote")
        texts = {mark.get_attribute("textContent") for mark in marks}
        assert texts == {citation.quote for citation in item.citations}
        missed = shown.find_elements(By.CSS_SELECTOR, "mark.evidence")
        assert bool(missed) == (item.outcome != "right" and item.answerable)


@needs_browser
def test_plots_and_figures_are_drawn(browser: Chrome, result: EvalResult) -> None:
    pictures = browser.find_elements(By.CSS_SELECTOR, "svg[role=img]")
    assert len(pictures) == 7
    for picture in pictures:
        assert picture.size["width"] > 200
        assert picture.find_elements(By.CSS_SELECTOR, "circle, rect")
    assert f"{result.answer['hit'].value:.3f}" in browser.find_element(By.CLASS_NAME, "cards").text


@needs_browser
def test_questions_can_be_filtered(browser: Chrome, result: EvalResult) -> None:
    def visible() -> int:
        found = browser.find_elements(By.CSS_SELECTOR, "details.item")
        return sum(item.is_displayed() for item in found)

    outcome = Select(browser.find_element(By.NAME, "outcome"))
    outcome.select_by_visible_text("all but right")
    wrong = sum(item.outcome != "right" for item in result.items)
    assert visible() == wrong
    assert browser.find_element(By.ID, "count").text == f"{wrong} of 24"
    outcome.select_by_visible_text("all")
    Select(browser.find_element(By.NAME, "lang")).select_by_visible_text("en")
    assert visible() == sum(item.lang == "en" for item in result.items)
    browser.find_element(By.NAME, "text").send_keys("xylophone")
    assert visible() == 0


@needs_browser
def test_it_fits_a_phone_in_the_dark(browser: Chrome) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True},
    )
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= 390
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(18, 22, 28)"
