"""The web page on a real service, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from selenium.common.exceptions import NoSuchElementException
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from corpus import FORMATS, Document
from tests.api.conftest import Environment, Server, wait_for
from tests.api.test_http import assert_problem
from tests.api.web_page import Page
from tests.browser import needs_browser, open_browser

KEY = "une-clé-d’essai"
QUESTION = "Combien de personnes travaillent à PariSanté Campus ?"
PLACE = "Quel lieu doit devenir le site définitif de PariSanté Campus ?"
UNANSWERABLE = "Qui a remporté la Coupe du monde de football en 1998 ?"
SENTENCE = "La salle Curie 🪑 compte <b>311</b> fauteuils rouges & bleus."
FILLER = "Le couloir 🏛️ du campus mène à un autre couloir, qui mène à la cour. " * 90
DOCUMENT = f"""\
---
title: Salles <img src=x onerror="window.attacked = 1">
source: javascript:window.attacked = 1
---
{FILLER}

<script>window.attacked = 1</script>

{SENTENCE}

{FILLER}
"""


@pytest.fixture(scope="module")
def server(
    start_server: Callable[..., Server],
    environment: Environment,
    home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """A service of its own, over the interview, which wants a key from whoever writes."""
    own = tmp_path_factory.mktemp("web")
    shutil.copytree(home / "index", own / "index")
    settings = {"CAMPUS_QA_HOME": str(own), "CAMPUS_QA_API_KEY": KEY}
    server = start_server({**environment, **settings})
    yield server.client
    server.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with open_browser(tmp_path_factory.mktemp("browser") / "profile") as opened:
        yield opened


@pytest.fixture
def page(browser: Chrome, server: httpx.Client) -> Iterator[Page]:
    """The page in French; it must write nothing to the console, nor load what is elsewhere."""
    page = Page(browser, str(server.base_url))
    page.show_scheme("light")
    page.open()
    yield page
    loaded = page.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert [url for url in loaded if httpx.URL(url).host != server.base_url.host] == []
    assert_logged(page)


def assert_logged(page: Page, *words: str) -> None:
    """That the console holds as many messages as these, each with its word."""
    messages = [entry["message"] for entry in page.browser.get_log("browser")]  # type: ignore[no-untyped-call]
    assert len(messages) == len(words), messages
    assert all(word in message for word, message in zip(words, messages, strict=True)), messages


def plain(text: str) -> str:
    """With the spaces that the documents have, where the page keeps words together."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_the_page_is_served_with_a_strict_policy(server: httpx.Client) -> None:
    response = server.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(
        part.strip().split(" ", 1)
        for part in response.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert {policy[f"{name}-src"] for name in ("script", "style", "connect", "img")} == {"'self'"}
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|//", response.text)


def test_its_files_are_served_and_asked_for_again_only_if_they_changed(
    server: httpx.Client,
) -> None:
    links = set(re.findall(r'(?:src|href)="(web/[^"]+)"', server.get("/").text))
    folder = Path(__file__).parent.parent.parent / "api" / "web"
    assert links == {f"web/{path.name}" for path in folder.iterdir()} - {"web/index.html"}
    for link in ("/", *(f"/{link}" for link in links)):
        first = server.get(link)
        assert first.status_code == 200
        assert first.headers["cache-control"] == "no-cache"
        assert server.head(link).headers["etag"] == first.headers["etag"]
        again = server.get(link, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    for path in ("/web/nothing.js", "/web/..%2fhttp.py", "/web/%2e%2e%2fhttp.py", "/web/"):
        assert_problem(server.get(path), 404)
    assert not [path for path in server.get("/openapi.json").json()["paths"] if "web" in path]


@needs_browser
def test_it_says_the_same_things_in_both_languages(page: Page) -> None:
    texts = page.import_("texts.js", "m.texts")
    assert texts["fr"].keys() == texts["en"].keys()
    for name, french in texts["fr"].items():
        english = texts["en"][name]
        assert type(french) is type(english), name
        assert set(re.findall(r"\{\w+\}", str(french))) == set(
            re.findall(r"\{\w+\}", str(english))
        ), name
    assert len(texts["fr"]["examples"]) == len(texts["en"]["examples"]) == 4
    assert page.run("return document.documentElement.lang") == "fr"
    assert page.text("h1") == "Que voulez-vous savoir\u202f?"
    page.find("[data-language=en]").click()
    page.browser.refresh()
    assert page.run("return document.documentElement.lang") == "en"
    assert page.text("h1") == "What would you like to know?"


@needs_browser
def test_the_answer_forms_and_is_what_the_service_says(page: Page, server: httpx.Client) -> None:
    page.run(
        """
        window.states = [];
        new MutationObserver((changes) => {
          for (const { target } of changes) window.states.push(target.dataset.state);
        }).observe(document.querySelector("#conversation"), {
          attributes: true, attributeFilter: ["data-state"], subtree: true,
        });
        """
    )
    turn = page.ask(QUESTION)
    expected = server.post("/ask", json={"question": QUESTION}).json()
    states = list(dict.fromkeys(page.run("return window.states")))
    assert states == ["waiting", "answering", "answered"]
    text = plain(page.text(".answer .text"))
    assert text == re.sub(r"\[(\d+)\]", r"\1", expected["answer"])
    assert plain(page.text(".short")) == expected["short_answer"]
    assert f"{expected['confidence']:.0%}".rstrip("%") in page.text(".confidence")
    assert page.find(".answer").get_attribute("lang") == "fr"
    assert not page.find("#examples").is_displayed()
    assert plain(page.text("#status")) == f"Réponse : {expected['answer']}"

    page.find("[data-language=en]").click()
    assert "confidence" in turn.find_element(By.CLASS_NAME, "confidence").text
    assert plain(page.text(".answer .text")) == text

    page.browser.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite"]}
    )
    page.find(".copy").click()
    wait_for(lambda: page.text(".copy") == "Copied")
    copied = page.browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert expected["answer"] in copied
    assert f"[1] {expected['citations'][0]['title']}" in copied


@needs_browser
def test_a_citation_leads_to_its_sentence(
    page: Page, server: httpx.Client, interview: Document
) -> None:
    page.ask(QUESTION)
    link = page.find(".answer button.cite")
    mark = page.open_source(link)
    citation = server.post("/ask", json={"question": QUESTION}).json()["citations"][0]
    highlight = citation["highlight"]
    assert mark.get_attribute("textContent") == citation["quote"]
    strong = interview.text[highlight["start"] : highlight["end"]]
    assert page.text("mark strong") == strong
    assert page.is_marked_in_view
    assert plain(page.text("#panel-title")) == citation["title"]
    assert page.browser.switch_to.active_element.get_attribute("id") == "panel-title"
    ActionChains(page.browser).send_keys(Keys.ESCAPE).perform()
    assert not page.find("#panel").is_displayed()
    assert page.browser.switch_to.active_element == link


@needs_browser
def test_a_follow_up_is_asked_in_its_conversation(page: Page) -> None:
    page.ask(PLACE)
    assert page.all(".understood") == []
    page.ask("Et combien de mètres carrés ?")
    assert PLACE in plain(page.text(".turn:last-child .understood"))
    page.find("#new-conversation").click()
    assert page.all(".turn") == []
    assert page.find("#examples").is_displayed()
    page.find(".example").click()
    page.find(".turn[data-state=answered]")
    assert page.all(".understood") == []


@needs_browser
def test_a_refusal_looks_different_and_names_what_is_near(page: Page, server: httpx.Client) -> None:
    page.ask(UNANSWERABLE)
    expected = server.post("/ask", json={"question": UNANSWERABLE}).json()
    assert expected["answered"] is False
    assert page.all(".answer, .cite, .confidence, .short") == []
    assert plain(page.text(".refusal .text")) in expected["answer"]
    links = page.all(".refusal button")
    assert len(links) == len(expected["passages"])
    mark = page.open_source(links[1])
    assert mark.get_attribute("textContent") == expected["passages"][1]["text"]
    assert page.is_marked_in_view


@needs_browser
def test_what_goes_wrong_is_told_with_what_to_do(page: Page) -> None:
    page.browser.set_network_conditions(offline=True, latency=0, throughput=0)
    page.ask(QUESTION)
    assert "injoignable" in page.text(".problem")
    # What the browser itself says of it.
    assert_logged(page, "ERR_INTERNET_DISCONNECTED")
    page.browser.delete_network_conditions()
    page.find(".problem button").click()
    page.find(".turn[data-state=answered]")

    page.run(
        """
        const said = 'event: token\\ndata: {"text": "Au cours des"}\\n\\n';
        window.fetch = async () => new Response(`${said}event: answer\\ndata: {"ans`);
        """
    )
    page.ask(QUESTION)
    assert page.text(".turn:last-child .text") == "Au cours des"
    assert "interrompue" in page.text(".turn:last-child .problem")

    page.open()
    page.find("#question").send_keys(QUESTION)
    page.run("document.querySelector('#submit').click(); document.querySelector('#stop').click()")
    page.find(".turn[data-state=stopped]")
    assert page.find("#submit").is_displayed()


@needs_browser
def test_problems_are_told_in_the_language_of_the_page(page: Page) -> None:
    words = "It is English, as the service says it."

    def shown(status: int, **more: object) -> str:
        problem = {"kind": "status", "status": status, "detail": words, "errors": [], **more}
        expression = f"m.showProblem({json.dumps(problem)}).innerHTML"
        return plain(str(page.import_("problems.js", expression)))

    for language, service in (("fr", "Le service précise :"), ("en", "The service says:")):
        page.find(f"[data-language={language}]").click()
        for status in (401, 404, 429, 500):
            assert "<strong>" in shown(status)
            assert words not in shown(status)
        for status in (400, 403, 409, 413, 415, 422, 502, 503):
            assert f'{service} <span lang="en">{words}</span>' in shown(status)
    page.find("[data-language=fr]").click()
    assert "Réessayez dans 7 s" in shown(429, retryAfter=7)
    errors = [{"field": "question", "message": "too long"}, {"field": "mode", "message": "none"}]
    assert "question: too long; mode: none" in shown(422, errors=errors)


@needs_browser
def test_events_are_read_however_they_come_in_pieces(page: Page) -> None:
    stream = "data: un\ndata: deux\n\n: comment\r\nevent: token\r\ndata: 🙂\r\n\r\ndata: cut"
    expression = f"""await (async () => {{
        const bytes = new TextEncoder().encode({stream!r});
        const body = new ReadableStream({{
            start(to) {{ for (const byte of bytes) to.enqueue(Uint8Array.of(byte)); to.close(); }},
        }});
        const events = [];
        for await (const event of m.readEvents(body)) events.push(event);
        return events;
    }})()"""
    assert page.import_("sse.js", expression) == [
        {"event": "message", "data": "un\ndeux"},
        {"event": "token", "data": "🙂"},
    ]


@needs_browser
def test_a_document_is_added_with_the_key_cited_and_removed(
    page: Page, server: httpx.Client, tmp_path: Path
) -> None:
    path = tmp_path / "salles.txt"
    path.write_text(DOCUMENT, encoding="utf-8")
    page.find("#open-documents").click()
    chooser = page.find("#files")
    assert chooser.get_attribute("accept") == ",".join(FORMATS)
    chooser.send_keys(str(path))
    page.find("#key[open] #key-value").send_keys("une autre" + Keys.ENTER)
    wait_for(lambda: page.find("#key-value").get_attribute("value") == "")
    page.find("#key[open] #key-value").send_keys(KEY + Keys.ENTER)
    page.find(".work .note")
    assert "à jour" in page.text(".work")
    # The refusals without the key, which the browser writes down.
    assert_logged(page, "401", "401")
    title = 'Salles <img src=x onerror="window.attacked = 1">'
    assert title in [element.text for element in page.all(".document-list .source-title")]
    assert page.text("#document-count") == "2"

    page.ask("Combien de fauteuils rouges compte la salle Curie ?")
    mark = page.open_source(page.find(".answer button.cite"))
    assert mark.get_attribute("textContent") == SENTENCE
    assert page.is_marked_in_view
    assert page.text("#panel-title") == title
    assert page.all("#panel a, #panel img, #panel script, .turn img, .turn script") == []
    shown = page.text(".document")
    assert "<script>window.attacked = 1</script>" in shown
    assert not shown.startswith("Le couloir")
    above, below = page.all(".more button")
    page.run("arguments[0].scrollIntoView()", above)
    before = mark.location["y"]
    above.click()
    wait_for(lambda: page.text(".document").startswith("Le couloir"))
    assert abs(mark.location["y"] - before) <= 2
    below.click()
    wait_for(lambda: page.all(".more") == [])
    (document_id,) = [
        d["id"] for d in server.get("/documents").json()["documents"] if d["title"] == title
    ]
    assert page.text(".document") == server.get(f"/documents/{document_id}/text").text
    assert page.run("return window.attacked") is None

    page.find("#open-documents").click()
    page.find(".document-row:last-child [title=Retirer]").click()
    page.find(".confirm .danger").click()
    wait_for(lambda: page.text("#document-count") == "1")
    assert page.all(".document-row") != []
    page.find(".turn button.cite").click()
    assert SENTENCE in page.find("#panel blockquote").text
    # The document that is no longer there.
    assert_logged(page, "404")


@needs_browser
def test_it_fits_a_phone(page: Page) -> None:
    def assert_fits() -> None:
        for width in (320, 360):
            page.resize(width, 740)
            assert page.is_within_its_width

    assert_fits()
    page.ask(QUESTION)
    assert_fits()
    page.open_source(page.find(".answer button.cite"))
    assert page.run("return document.querySelector('#panel').matches(':modal')")
    assert page.is_marked_in_view
    assert_fits()
    ActionChains(page.browser).send_keys(Keys.ESCAPE).perform()
    page.find("#open-documents").click()
    assert_fits()


@needs_browser
def test_the_keyboard_is_enough(page: Page) -> None:
    def press(*keys: str) -> WebElement:
        ActionChains(page.browser).send_keys(*keys).perform()
        return page.browser.switch_to.active_element

    def tab_to(selector: str) -> WebElement:
        for _ in range(30):
            focused = press(Keys.TAB)
            if page.run("return arguments[0].matches(arguments[1])", focused, selector):
                return focused
        raise NoSuchElementException(selector)

    page.run("document.activeElement.blur()")
    page.browser.refresh()
    assert press(Keys.TAB).get_attribute("class") == "skip"
    assert press(Keys.ENTER).get_attribute("id") == "question"
    press(QUESTION, Keys.ENTER)
    page.find(".turn[data-state=answered]")
    page.run("document.querySelector('.turn .question').focus()")
    link = tab_to(".cite")
    assert page.run("return getComputedStyle(arguments[0]).outlineStyle", link) == "solid"
    press(Keys.ENTER)
    page.find("#panel mark")
    assert tab_to("#panel-close").is_displayed()
    assert press(Keys.ENTER) == link


@needs_browser
def test_axe_finds_nothing_serious(page: Page) -> None:
    def assert_accessible() -> None:
        for scheme in ("light", "dark"):
            page.show_scheme(scheme)
            assert page.failings == []

    assert_accessible()
    page.ask(QUESTION)
    page.open_source(page.find(".answer button.cite"))
    page.find(".details summary").click()
    assert_accessible()
    page.ask(UNANSWERABLE)
    page.find("#open-documents").click()
    page.find(".document-row [title=Retirer]").click()
    assert_accessible()
    page.resize(360, 740)
    assert_accessible()
