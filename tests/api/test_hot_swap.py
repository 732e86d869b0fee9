"""A new index under steady load: no failed request, no mixed answer, in one worker and in two."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from index import Embedder, SnapshotStore, build_snapshot, verify
from tests.api.conftest import COMMAND, Environment, Server, wait_for
from tests.conftest import CHUNKING
from tests.documents import document

QUESTION = "Combien de livres compte la bibliothèque du campus ?"
DISTRACTIONS = [
    document(f"d{i}", f"Le bâtiment {i} abrite {i + 4} laboratoires.") for i in range(5)
]


def publish(store: SnapshotStore, embedder: Embedder, books: int) -> str:
    """A version in which all that can be said of the library names this number."""
    texts = [
        f"La bibliothèque du campus compte {books} livres.",
        f"On trouve {books} livres à la bibliothèque, dit le guide du campus.",
    ]
    notes = [document(f"livres-{i}", text) for i, text in enumerate(texts)]
    with store.lock():
        built = build_snapshot([*DISTRACTIONS, *notes], embedder, store, CHUNKING)
    return built.manifest.version


def check(answer: dict[str, Any], books: dict[str, int]) -> None:
    """Everything in an answer is from the version that it names."""
    expected = str(books[answer["index_version"]])
    assert answer["answered"]
    assert answer["short_answer"].split()[0] == expected
    quotes = [citation["quote"] for citation in answer["citations"]]
    passages = [p["text"] for p in answer["passages"] if "bibliothèque" in p["text"]]
    assert len(passages) == 2
    for text in (*quotes, *passages):
        assert expected in text, (expected, text)


def ask_on(server: Server, stop: threading.Event) -> list[dict[str, Any]]:
    """Ask until it is enough; no request may fail, unless the server has been killed."""
    answers: list[dict[str, Any]] = []
    with httpx.Client(base_url=server.client.base_url, timeout=60) as client:
        while not stop.is_set() and len(answers) < 5000:
            try:
                response = client.post("/ask", json={"question": QUESTION})
            except httpx.TransportError:
                assert stop.is_set()
                break
            assert response.status_code == 200, response.text
            answers.append(response.json())
    return answers


@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_fails_and_no_answer_is_mixed(
    start_server: Callable[..., Server],
    quick_environment: Environment,
    embedder: Embedder,
    tmp_path: Path,
    workers: int,
) -> None:
    store = SnapshotStore(tmp_path / "index", keep=2)
    books = {publish(store, embedder, 1000): 1000}
    own = {**quick_environment, "CAMPUS_QA_HOME": str(tmp_path)}
    server = start_server(own, "--workers", str(workers))
    stop = threading.Event()

    def everywhere(version: str) -> bool:
        """Fresh connections reach all workers."""
        url = f"{server.client.base_url}/readyz"
        return {httpx.get(url).json()["index_version"] for _ in range(12)} == {version}

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(ask_on, server, stop) for _ in range(3)]
        try:
            for number in range(1001, 1005):
                version = publish(store, embedder, number)
                books[version] = number
                wait_for(partial(everywhere, version), 30)
            version = sorted(books)[-2]
            store.rollback(version)
            wait_for(partial(everywhere, version), 30)
        finally:
            stop.set()
        answers = [answer for each in running for answer in each.result()]
    for answer in answers:
        check(answer, books)
    assert {answer["index_version"] for answer in answers} == set(books)
    server.stop()


def test_a_server_killed_during_a_swap_comes_back_whole(
    start_server: Callable[..., Server],
    quick_environment: Environment,
    embedder: Embedder,
    tmp_path: Path,
) -> None:
    """Under load: what was answered before is right, and what is served afterwards is whole."""
    store = SnapshotStore(tmp_path / "index")
    books = {publish(store, embedder, 500): 500}
    own = {**quick_environment, "CAMPUS_QA_HOME": str(tmp_path)}
    for number in (501, 502):
        server, stop = start_server(own), threading.Event()
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(ask_on, server, stop) for _ in range(2)]
            # However slow the machine is, the service answers before it is killed.
            first = server.client.post("/ask", json={"question": QUESTION}).json()
            books[publish(store, embedder, number)] = number
            time.sleep(0.4 * (number - 500))
            stop.set()
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            answers = [answer for each in running for answer in each.result()]
        for answer in (first, *answers):
            check(answer, books)
        assert verify(store.current()) == []
    server = start_server(own)
    answer = server.client.post("/ask", json={"question": QUESTION}).json()
    check(answer, books)
    assert books[answer["index_version"]] == 502
    server.stop()


def test_builders_killed_under_load_leave_the_service_alone(
    start_server: Callable[..., Server],
    quick_environment: Environment,
    embedder: Embedder,
    tmp_path: Path,
) -> None:
    store = SnapshotStore(tmp_path / "index")
    version = publish(store, embedder, 900)
    own = {**quick_environment, "CAMPUS_QA_HOME": str(tmp_path)}
    server, stop = start_server(own), threading.Event()
    notes = tmp_path / "notes.md"
    notes.write_text(
        "\n\n".join(f"## Salle {i}\n\nLa salle {i} compte {i * 3} places." for i in range(2000)),
        encoding="utf-8",
    )
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(ask_on, server, stop) for _ in range(2)]
        try:
            for _ in range(3):
                command = [str(COMMAND), "index", "build", str(notes)]
                builder = subprocess.Popen(command, env=own)
                wait_for(lambda: any(store.root.glob("building-*/passages.faiss")))
                builder.kill()
                assert builder.wait() == -signal.SIGKILL
                assert verify(store.current()) == []
        finally:
            stop.set()
        answers = [answer for each in running for answer in each.result()]
    for answer in answers:
        check(answer, {version: 900})
    with store.lock():
        assert not any(store.root.glob("building-*"))
    server.stop()


def test_an_index_that_cannot_be_used_is_not_moved_to(
    start_server: Callable[..., Server],
    quick_environment: Environment,
    embedder: Embedder,
    tmp_path: Path,
) -> None:
    store = SnapshotStore(tmp_path / "index")
    first = publish(store, embedder, 7)
    server = start_server({**quick_environment, "CAMPUS_QA_HOME": str(tmp_path)})
    with store.staging() as staged:
        for path in store.current().rglob("*"):
            if path.is_file():
                target = staged / path.relative_to(store.current())
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(path.read_bytes())
        broken = f"{first[:-1]}x"
        manifest = staged / "manifest.json"
        manifest.write_text(manifest.read_text().replace(first, broken))
        (staged / "passages.jsonl").write_text("{}\n")
        store.publish(staged)
    assert store.current_version() == broken
    time.sleep(2)
    assert server.client.get("/readyz").json()["index_version"] == first
    check(server.client.post("/ask", json={"question": QUESTION}).json(), {first: 7})
    version = publish(store, embedder, 8)
    wait_for(lambda: server.client.get("/readyz").json()["index_version"] == version)
    server.stop()
