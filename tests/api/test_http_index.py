"""Adding and removing documents over HTTP, on a real service, until they answer or no longer do."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from index import SnapshotStore
from tests.api.conftest import Environment, RunCommand, Server, finished, wait_for
from tests.api.test_http import assert_problem

NOTE = "# Salle Curie\n\nLa salle Curie du campus compte {} fauteuils rouges.\n"
QUESTION = {"question": "Combien de fauteuils rouges compte la salle Curie ?"}


def note(count: int, name: str = "curie.md") -> dict[str, tuple[str, bytes]]:
    return {"files": (name, NOTE.format(count).encode())}


@pytest.fixture(scope="module")
def own_home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("writable")
    shutil.copytree(home / "index", directory / "index")
    return directory


@pytest.fixture(scope="module")
def own_environment(quick_environment: Environment, own_home: Path) -> Environment:
    return {**quick_environment, "CAMPUS_QA_HOME": str(own_home), "CAMPUS_QA_MAX_UPLOAD_MB": "1"}


@pytest.fixture(scope="module")
def writable(
    start_server: Callable[..., Server], own_environment: Environment
) -> Iterator[httpx.Client]:
    server = start_server(own_environment)
    yield server.client
    server.stop()


def ask(client: httpx.Client) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/ask", json=QUESTION).json()
    return answer


def test_an_upload_is_answered_from_replaced_and_removed(writable: httpx.Client) -> None:
    before = writable.get("/readyz").json()["index_version"]
    job = finished(writable, writable.post("/documents", files=note(311)))
    assert (job["status"], job["kind"], job["failures"]) == ("done", "update", [])
    assert job["embedded"]["passages"] == 1
    assert job["documents"] == {"done": 2, "total": 2}
    assert job["index_version"] > before
    answer = ask(writable)
    assert answer["short_answer"].split()[0] == "311"
    citation = answer["citations"][0]
    place = {"start": citation["start"], "end": citation["end"]}
    url = f"/documents/{citation['document_id']}"
    assert writable.get(f"{url}/text", params=place).text == citation["quote"]
    assert writable.get(url).json()["path"] == "curie.md"

    job = finished(writable, writable.post("/documents", files=note(422)))
    assert job["embedded"] == {"passages": 1, "sentences": 1}
    assert ask(writable)["short_answer"].split()[0] == "422"
    assert "311" not in writable.get(f"{url}/text").text

    job = finished(writable, writable.delete(url))
    assert job["embedded"] == {"passages": 0, "sentences": 0}
    assert "422" not in ask(writable)["answer"]
    assert_problem(writable.get(url), 404)
    assert_problem(writable.delete(url), 404)


def test_a_removed_document_stays_away_when_the_index_is_rebuilt(writable: httpx.Client) -> None:
    finished(writable, writable.post("/documents", files=note(99)))
    listed = writable.get("/documents").json()["documents"]
    interview = next(d["id"] for d in listed if d["id"].startswith("interview"))
    finished(writable, writable.delete(f"/documents/{interview}"))
    job = finished(writable, writable.post("/index/rebuild"))
    assert job["kind"] == "rebuild"
    assert job["embedded"]["passages"] == 1
    assert [d["path"] for d in writable.get("/documents").json()["documents"]] == ["curie.md"]
    assert ask(writable)["short_answer"].split()[0] == "99"


def test_a_bad_file_is_named_and_does_not_replace_the_good_one(writable: httpx.Client) -> None:
    finished(writable, writable.post("/documents", files=note(77)))
    files = [
        ("files", ("curie.md", b" ")),
        ("files", ("rapport.docx", b"not a docx")),
        ("files", ("bon.txt", b"La salle Pasteur compte 12 tables.")),
    ]
    job = finished(writable, writable.post("/documents", files=files))
    assert job["status"] == "done"
    assert {f["path"] for f in job["failures"]} == {"curie.md", "rapport.docx"}
    assert all(f["reason"] for f in job["failures"])
    paths = {d["path"] for d in writable.get("/documents").json()["documents"]}
    assert {"curie.md", "bon.txt"} <= paths
    assert ask(writable)["short_answer"].split()[0] == "77"


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ([("files", ("../../etc/x.txt", b"x"))], 422, "folders"),
        ([("files", ("..\\x.txt", b"x"))], 422, "folders"),
        ([("files", (".x.txt", b"x"))], 422, "hidden"),
        ([("files", ("x.exe", b"x"))], 415, ".docx"),
        ([("files", ("x", b"x"))], 415, "format"),
        ([("files", ("x.txt", b"x" * (2**20 + 1)))], 413, "1 MB"),
        ([("files", (f"{i}.txt", b"x")) for i in range(101)], 413, "100"),
        ([("files", ("x.txt", b"x")), ("files", ("x.txt", b"y"))], 422, "twice"),
        ([("files", ("good.txt", b"Bon.")), ("files", ("x.exe", b"x"))], 415, "x.exe"),
    ],
)
def test_what_cannot_be_taken_is_refused_whole(
    writable: httpx.Client,
    own_home: Path,
    files: list[tuple[str, tuple[str, bytes]]],
    status: int,
    words: str,
) -> None:
    jobs = writable.get("/jobs").json()["jobs"]
    problem = assert_problem(writable.post("/documents", files=files), status)
    assert words in problem["detail"]
    assert writable.get("/jobs").json()["jobs"] == jobs
    incoming = own_home / "documents" / "incoming"
    assert not incoming.exists() or list(incoming.iterdir()) == []


def test_what_is_no_upload_is_a_problem(writable: httpx.Client) -> None:
    assert_problem(writable.post("/documents", json={"text": "x"}), 415)
    assert_problem(writable.post("/documents", content=b"x"), 415)
    boundary = {"content-type": "multipart/form-data; boundary=x"}
    assert_problem(writable.post("/documents", content=b"--x--\r\n", headers=boundary), 422)
    assert_problem(writable.post("/documents", content=b"nonsense", headers=boundary), 400)
    bare = {"content-type": "multipart/form-data"}
    assert_problem(writable.post("/documents", content=b"x", headers=bare), 400)


def test_the_index_tells_its_versions_and_goes_back(writable: httpx.Client) -> None:
    finished(writable, writable.post("/documents", files=note(5)))
    finished(writable, writable.post("/documents", files=note(6)))
    index = writable.get("/index").json()
    versions = [entry["version"] for entry in index["versions"]]
    assert index["version"] == versions[-1]
    assert [entry["current"] for entry in index["versions"]] == [False, False, True]
    assert index["model"]["dimension"] == 384
    back = writable.post("/index/rollback").json()
    assert back["version"] == versions[-2]
    assert ask(writable)["short_answer"].split()[0] == "5"
    forth = writable.post("/index/rollback", json={"version": versions[-1]}).json()
    assert forth["version"] == versions[-1]
    assert ask(writable)["short_answer"].split()[0] == "6"
    assert_problem(writable.post("/index/rollback", json={"version": "../x"}), 404)
    assert_problem(writable.post("/index/rollback", json={"versoin": "x"}), 422)


def test_the_index_stays_where_it_cannot_go_back(writable: httpx.Client, own_home: Path) -> None:
    index = writable.get("/index").json()
    before = index["versions"][-2]["version"]
    store = SnapshotStore(own_home / "index")
    with store.lock():
        problem = assert_problem(writable.post("/index/rollback"), 409)
        assert "being built" in problem["detail"]
    damaged = store.directory(before) / "passages.jsonl"
    whole = damaged.read_bytes()
    damaged.write_bytes(b"{}\n")
    assert "damaged" in assert_problem(writable.post("/index/rollback"), 409)["detail"]
    assert writable.get("/index").json() == index
    assert writable.get("/readyz").json()["index_version"] == index["version"]
    damaged.write_bytes(whole)
    assert writable.post("/index/rollback").json()["version"] == before
    assert writable.post("/index/rollback", json={"version": index["version"]}).status_code == 200


def test_removals_at_the_same_time_all_count(writable: httpx.Client) -> None:
    names = [f"salle-{i}.txt" for i in range(12)]
    files = [("files", (name, f"La salle {name} est libre.".encode())) for name in names]
    finished(writable, writable.post("/documents", files=files))
    listed = writable.get("/documents").json()["documents"]
    ids = [document["id"] for document in listed if document["path"] in names]
    assert len(ids) == 12
    with ThreadPoolExecutor(6) as pool:
        removed = list(pool.map(lambda i: writable.delete(f"/documents/{i}"), ids))
    for response in removed:
        finished(writable, response)
    left = {document["path"] for document in writable.get("/documents").json()["documents"]}
    assert left == {document["path"] for document in listed} - set(names)


def test_an_upload_without_a_length_is_counted_as_it_comes(
    writable: httpx.Client, own_home: Path
) -> None:
    head = b'--x\r\ncontent-disposition: form-data; name="f"; filename="%s"\r\n\r\n'

    def body(name: bytes, chunks: int) -> Iterator[bytes]:
        yield head % name
        for _ in range(chunks):
            yield b"Un texte. " * 1000
        yield b"\r\n--x--\r\n"

    headers = {"content-type": "Multipart/Form-Data; boundary=x"}
    response = writable.post("/documents", content=body(b"long.txt", 5000), headers=headers)
    assert "1 MB" in assert_problem(response, 413)["detail"]
    whole = b"".join(body(b"whole.txt", 1)).removesuffix(b"--x--\r\n")
    cut = whole + head % b"cut.txt" + b"Un texte"
    response = writable.post("/documents", content=cut, headers=headers)
    assert "breaks off" in assert_problem(response, 400)["detail"]
    assert list(own_home.glob("documents/incoming/*")) == []
    job = finished(
        writable, writable.post("/documents", content=body(b"short.txt", 5), headers=headers)
    )
    assert (job["status"], job["failures"]) == ("done", [])


def test_unknown_jobs_and_finished_ones(writable: httpx.Client) -> None:
    assert_problem(writable.get("/jobs/nothing"), 404)
    assert_problem(writable.get("/jobs/..%2Findex%2FCURRENT"), 404)
    assert_problem(writable.get("/jobs/a%00b"), 404)
    assert_problem(writable.get(f"/jobs/{'a' * 300}"), 404)
    assert_problem(writable.post("/jobs/nothing/cancel"), 404)
    job = finished(writable, writable.post("/index/rebuild", json={"reuse": True}))
    assert (job["kind"], job["changed"]) == ("update", False)
    assert_problem(writable.post(f"/jobs/{job['id']}/cancel"), 409)
    assert writable.get("/jobs").json()["jobs"][0]["id"] == job["id"]


def test_only_this_machine_writes_without_a_key(writable: httpx.Client) -> None:
    for headers in (
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost"},
        {"origin": f"http://{writable.base_url.host}:1"},
        {"origin": "http://["},
        {"host": "["},
        {"host": "127.0.0.1.evil.example"},
        {"x-forwarded-for": "203.0.113.7"},
        {"x-forwarded-for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
    ):
        response = writable.post("/index/rebuild", headers=headers)
        assert "CAMPUS_QA_API_KEY" in assert_problem(response, 403)["detail"]
    page = {"origin": str(writable.base_url).rstrip("/")}
    finished(writable, writable.post("/index/rebuild", json={"reuse": True}, headers=page))
    named = {"host": "localhost:8000", "origin": "http://LOCALHOST:8000"}
    finished(writable, writable.post("/index/rebuild", json={"reuse": True}, headers=named))


def test_the_last_document_can_be_removed(writable: httpx.Client) -> None:
    for entry in writable.get("/documents").json()["documents"]:
        response = writable.delete(f"/documents/{entry['id']}")
    assert finished(writable, response)["index_version"] is None
    wait_for(lambda: writable.get("/readyz").status_code == 503)
    assert_problem(writable.post("/ask", json=QUESTION), 503)
    finished(writable, writable.post("/documents", files=note(8)))
    assert ask(writable)["short_answer"].split()[0] == "8"
    assert len(writable.get("/documents").json()["documents"]) == 1


def test_cancel_kill_and_resume(
    start_server: Callable[..., Server],
    quick_environment: Environment,
    tmp_path: Path,
    run_command: RunCommand,
) -> None:
    """A job can be stopped; one whose process is killed says so, and goes on at the next start."""
    own = {**quick_environment, "CAMPUS_QA_HOME": str(tmp_path / "home")}
    server = start_server(own)
    client = server.client
    many = "\n\n".join(
        f"## Bureau {i}\n\nLe bureau {i} compte {i * 7} livres et {i + 3} chaises, au hall {i}."
        for i in range(1500)
    )
    response = client.post("/documents", files={"f": ("beaucoup.md", many.encode())})
    url = response.headers["location"]
    wait_for(lambda: client.get(url).json()["passages"]["done"] > 0)
    job = client.get(url).json()
    assert job["status"] == "running"
    assert job["passages"]["total"] == 1500
    assert job["seconds_left"] > 0
    assert job["stage"] == "embedding passages"
    assert client.post(f"{url}/cancel").status_code == 202
    assert finished(client, response)["status"] == "cancelled"
    assert_problem(client.get("/documents"), 503)

    response = client.post("/documents", files=note(41))
    url = response.headers["location"]
    wait_for(lambda: client.get(url).json()["stage"] == "embedding passages")
    runner = next(
        pid
        for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        if response.json()["id"].encode() in _command_line(pid)
    )
    os.kill(runner, signal.SIGKILL)
    wait_for(lambda: client.get(url).json()["status"] == "failed")
    assert "started again" in client.get(url).json()["error"]
    (tmp_path / "home" / "documents" / "files" / "beaucoup.md").unlink()
    server.stop()

    client = start_server(own).client
    wait_for(lambda: client.get(url).json()["status"] == "done")
    wait_for(lambda: client.get("/readyz").status_code == 200)
    assert ask(client)["short_answer"].split()[0] == "41"
    verified = run_command("index", "verify", "--all", CAMPUS_QA_HOME=own["CAMPUS_QA_HOME"])
    assert verified.returncode == 0


def test_every_worker_knows_every_job_and_document(
    start_server: Callable[..., Server], quick_environment: Environment, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home / "index", tmp_path / "index")
    server = start_server({**quick_environment, "CAMPUS_QA_HOME": str(tmp_path)}, "--workers", "2")
    base = str(server.client.base_url)

    def post(count: int) -> httpx.Response:
        return httpx.post(f"{base}/documents", files=note(count, f"salle-{count}.md"))

    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(post, range(20, 36)))
    jobs = {response.headers["location"] for response in responses}
    # Those that came while one was waiting joined it.
    assert len(jobs) < 8
    for response in responses:
        assert finished(server.client, response)["status"] == "done"
    for url in jobs:
        assert {httpx.get(f"{base}{url}").json()["status"] for _ in range(8)} == {"done"}
    paths = {f"salle-{count}.md" for count in range(20, 36)}

    def everywhere() -> bool:
        listed = [httpx.get(f"{base}/documents").json()["documents"] for _ in range(8)]
        return all(paths <= {document["path"] for document in each} for each in listed)

    wait_for(everywhere)
    server.stop()


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_key_lets_write_and_nothing_else_does(
    start_server: Callable[..., Server], quick_environment: Environment, tmp_path: Path
) -> None:
    own = {
        **quick_environment,
        "CAMPUS_QA_HOME": str(tmp_path),
        "CAMPUS_QA_API_KEY": "correct horse battery",
    }
    server = start_server(own)
    client = server.client
    refused: list[list[tuple[bytes, bytes]]] = [
        [],
        [(b"authorization", b"Bearer wrong")],
        [(b"x-api-key", b"wrong")],
        [(b"x-api-key", b"\xe9")],
        [(b"authorization", b"Basic correct horse battery")],
    ]
    for headers in refused:
        for response in (
            client.post("/documents", files=note(3), headers=headers),
            client.delete("/documents/x", headers=headers),
            client.post("/index/rebuild", headers=headers),
            client.post("/index/rollback", headers=headers),
            client.post("/jobs/x/cancel", headers=headers),
        ):
            assert_problem(response, 401)
            assert response.headers["www-authenticate"] == "Bearer"
    for allowed in (
        {"authorization": "Bearer correct horse battery"},
        {"x-api-key": "correct horse battery", "origin": "https://elsewhere.example"},
    ):
        finished(client, client.post("/documents", files=note(3), headers=allowed))
    assert ask(client)["short_answer"].split()[0] == "3"
    assert not any(b"battery" in path.read_bytes() for path in (tmp_path / "jobs").iterdir())
    server.stop()
