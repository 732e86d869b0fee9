from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message, Receive, Scope, Send

from api.jobs import Job, JobStore
from api.metrics import Metrics, Observer
from api.serving import Serving
from api.settings import Settings
from api.tracing import Tracing
from qa import Answerer

QUESTION = "Combien de personnes travaillent à PariSanté Campus ?"


class Samples:
    """What a text in Prometheus' format says, as Prometheus' own parser reads it."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self._samples = [sample for family in families for sample in family.samples]

    def __iter__(self) -> Iterator[tuple[str, dict[str, str], float]]:
        return iter([(sample.name, sample.labels, sample.value) for sample in self._samples])

    def value(self, name: str, **labels: str) -> float:
        found = [v for n, given, v in self if n == f"campus_qa_{name}" and given == labels]
        return found[0] if found else 0


def scrape(client: httpx.Client) -> Samples:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return Samples(response.text)


@pytest.fixture
def metrics(tmp_path: Path) -> Metrics:
    settings = Settings(home=tmp_path)
    return Metrics(Serving(settings), JobStore(settings))


def test_answers_and_their_stages_are_counted(client: httpx.Client) -> None:
    before = scrape(client)
    answer = client.post("/ask", json={"question": QUESTION, "stream": True})
    assert "event: answer" in answer.text
    client.post("/ask", json={"question": "Qui a gagné la Coupe du monde de football de 1998 ?"})
    client.post("/search", json={"query": "données de santé", "mode": "lexical"})
    after = scrape(client)

    def counted(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    assert counted("requests_total", route="/ask", method="POST", status="200") == 2
    assert counted("request_seconds_count", route="/ask") == 2
    assert counted("answers_total", mode="extractive", outcome="answered") == 1
    assert counted("answers_total", mode="extractive", outcome="refused") == 1
    assert counted("stage_seconds_count", stage="rerank") == 2
    assert counted("stage_seconds_count", stage="retrieve") == 3
    assert counted("stage_seconds_count", stage="generate") == 0
    assert counted("stage_seconds_sum", stage="rerank") > counted("stage_seconds_sum", stage="read")


def test_labels_do_not_depend_on_what_clients_send(client: httpx.Client) -> None:
    before = scrape(client)
    for name in ("one", "two", "three"):
        assert client.get(f"/documents/{name}").status_code == 404
        assert client.get(f"/nothing/{name}").status_code == 404
        assert client.request(name.upper(), "/ask").status_code == 405
    after = scrape(client)
    new = {tuple(labels.items()) for _, labels, _ in after} - {
        tuple(labels.items()) for _, labels, _ in before
    }
    assert not [label for labels in new for label in labels if "one" in label[1].lower()]
    for route, method, status in (
        ("/documents/{document_id}", "GET", "404"),
        ("other", "GET", "404"),
        ("/ask", "other", "405"),
    ):
        labels = {"route": route, "method": method, "status": status}
        name = "requests_total"
        assert after.value(name, **labels) - before.value(name, **labels) == 3


def test_the_index_is_described(client: httpx.Client) -> None:
    index = client.get("/index").json()
    found = scrape(client)
    assert found.value("index_info", version=index["version"]) == 1
    assert found.value("index_passages") == index["versions"][-1]["passages"] > 0
    assert scrape(client).value("index_age_seconds") > found.value("index_age_seconds") > 0


def test_jobs_are_counted_while_they_are_open(
    metrics: Metrics, tmp_path: Path, left_behind: Callable[..., None]
) -> None:
    left_behind("waiting", "queued")
    left_behind("busy", "running")
    left_behind("over", "done")
    found = Samples(metrics.render().decode())
    assert found.value("jobs", status="queued") == 1
    assert found.value("jobs", status="running") == 1
    # Without an index there is nothing to say of it.
    assert not [name for name, _, _ in found if name.startswith("campus_qa_index")]


@pytest.fixture
def left_behind(tmp_path: Path) -> Iterator[Callable[..., None]]:
    settings = Settings(home=tmp_path)
    settings.jobs.mkdir()
    locks = []

    def leave(name: str, status: str) -> None:
        job = {"id": name, "kind": "update", "created_at": "2025-01-01", "status": status}
        JobStore(settings).write(Job.model_validate(job))
        lock = (settings.jobs / f"{name}.alive").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        locks.append(lock)

    yield leave
    for lock in locks:
        lock.close()


def test_what_the_llm_did_not_word_is_a_fallback(metrics: Metrics, quick: Answerer) -> None:
    answer = quick.ask(QUESTION)
    metrics.observe_answer(answer)
    metrics.observe_answer(answer.model_copy(update={"fallback": "the LLM took too long"}))
    metrics.observe_answer(answer.model_copy(update={"mode": "generative"}))
    found = Samples(metrics.render().decode())
    for mode, outcome in (
        ("extractive", "answered"),
        ("extractive", "fallback"),
        ("generative", "answered"),
    ):
        assert found.value("answers_total", mode=mode, outcome=outcome) == 1


def test_a_streamed_response_is_in_flight_to_its_end(metrics: Metrics) -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 206, "headers": []})
        for more in (True, False):
            await send({"type": "http.response.body", "body": b"x", "more_body": more})

    async def send(message: Message) -> None:
        found = Samples(metrics.render().decode())
        finished = found.value("requests_total", route="other", method="GET", status="206")
        seen.append((found.value("in_flight_requests"), finished))

    async def receive() -> Message:
        raise AssertionError("it does not read")

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(Observer(app, metrics, Tracing(Settings()))(scope, receive, send))
    assert seen == [(1, 0)] * 3
    asyncio.run(send({}))
    assert seen[-1] == (0, 1)
