"""Keys: made on the command line, kept as hashes, and known to a running service at once."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from typer.testing import CliRunner

from api.access import Monitor
from api.cli import app
from api.http import create_app
from api.keys import KeyStore, KeyStoreError, Scope
from api.settings import Settings
from tests.api.conftest import Environment, RunCommand, Server

KEY = re.compile("cqa_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
CONFIGURED = "correct horse battery"
ASKING = [
    ("GET", "/jobs"),
    ("GET", "/jobs/x"),
    ("GET", "/index"),
    ("GET", "/documents"),
    ("GET", "/documents/x"),
    ("GET", "/documents/x/text"),
    ("POST", "/ask"),
    ("POST", "/search"),
    ("GET", "/v1/models"),
]
WRITING = [
    ("POST", "/documents"),
    ("DELETE", "/documents/x"),
    ("POST", "/index/rebuild"),
    ("POST", "/index/rollback"),
    ("POST", "/jobs/x/cancel"),
]
BODIES = {"/ask": {"question": "Qui ?"}, "/search": {"query": "x"}}
OPEN = ["/", "/docs", "/openapi.json", "/healthz"]


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys.json")


@pytest.fixture
def visit(tmp_path: Path) -> Callable[..., TestClient]:
    """The service as a client at some address sees it; there is no index in it."""

    def visit(host: str = "127.0.0.1", configured: str | None = None) -> TestClient:
        secret = SecretStr(configured) if configured else None
        service = create_app(Settings(home=tmp_path, api_key=secret))
        return TestClient(service, base_url="http://127.0.0.1:8000", client=(host, 50000))

    return visit


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def statuses(client: TestClient, routes: list[tuple[str, str]], key: str | None) -> set[int]:
    headers = bearer(key) if key else {}
    return {
        client.request(method, path, headers=headers, json=BODIES.get(path)).status_code
        for method, path in routes
    }


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    home = tmp_path / "new"

    def keys(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["keys", *arguments], env={"CAMPUS_QA_HOME": str(home)})
        return done.exit_code, done.stdout, done.stderr

    status, key, told = keys("create", "le site")
    assert status == 0
    assert KEY.fullmatch(key.strip())
    assert "asking over HTTP needs a key" in told
    status, written, told = keys(
        "create", "robot", "--scope", "write", "--scope", "ask", "--expires", "2", "--json"
    )
    robot = json.loads(written)
    assert status == 0
    assert KEY.fullmatch(robot["key"])
    assert (robot["name"], robot["scopes"]) == ("robot", ["write", "ask"])
    assert "writing over HTTP needs a key" in told
    assert "asking" not in told
    kept = (home / "keys.json").read_text()
    for secret in (key.strip(), robot["key"]):
        assert secret.split("_", 2)[2] not in kept
    assert (home / "keys.json").stat().st_mode & 0o777 == 0o600

    status, listed, _ = keys("list", "--json")
    site, second = json.loads(listed)
    assert second == {name: value for name, value in robot.items() if name != "key"}
    assert site["id"] in key
    assert (site["expires_at"], site["expired"]) == (None, False)
    assert set(site) == {"id", "name", "scopes", "created_at", "expires_at", "expired"}

    assert keys("create", "robot")[0] == 1
    assert keys("revoke", "nobody")[0] == 1
    for wrong in (["create", " "], ["create", "x", "--scope", "all"], ["revoke"]):
        status, written, told = keys(*wrong)
        assert (status, written) == (2, "")
        assert told
    assert keys("revoke", "robot")[0] == 0
    status, written, told = keys("revoke", site["id"])
    assert (status, written) == (1, "")
    assert "--open" in told
    status, written, _ = keys("revoke", site["id"], "--open", "--json")
    assert (status, json.loads(written)) == (0, site)
    assert json.loads(keys("list", "--json")[1]) == []


def test_keys_made_at_the_same_time_are_all_kept(store: KeyStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: KeyStore(store.path).create(f"{n}", [Scope.ASK]), range(24)))
    assert {key.id for key in store.all()} == {key.id for key, _ in made}
    assert len({text for _, text in made}) == 24
    assert all(store.find(text.encode()) == key for key, text in made)


def test_only_the_whole_key_is_known(store: KeyStore) -> None:
    key, text = store.create("a", [Scope.ASK])
    assert store.find(text.encode()) == key
    for other in (text[:-1], text + "x", text.upper(), key.sha256, key.id, ""):
        assert store.find(other.encode()) is None


def test_asking_is_open_until_there_is_a_key_for_it(
    visit: Callable[..., TestClient], store: KeyStore
) -> None:
    client = visit("203.0.113.7")
    # 503: there is no index.
    assert statuses(client, ASKING, None) == {200, 404, 503}
    assert statuses(client, ASKING, "made up") == {200, 404, 503}
    _, writing = store.create("writes", [Scope.WRITE])
    assert statuses(client, ASKING, None) == {200, 404, 503}
    asks, asking = store.create("asks", [Scope.ASK])
    for headers in ({}, bearer("made up"), {"x-api-key": "made up"}, bearer(asking[:-1])):
        refused = client.get("/jobs", headers=headers)
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["www-authenticate"] == "Bearer"
    for nobody in (client, visit()):
        assert statuses(nobody, ASKING, None) == {401}
        assert [nobody.get(path).status_code for path in OPEN] == [200] * len(OPEN)
    for key in (asking, writing):
        assert statuses(client, ASKING, key) == {200, 404, 503}
        assert client.get("/jobs", headers={"x-api-key": key}).status_code == 200
    with pytest.raises(KeyStoreError, match="--open"):
        store.revoke("asks", may_open=False)
    assert statuses(client, ASKING, None) == {401}
    store.revoke(asks.id, may_open=True)
    assert statuses(client, ASKING, None) == {200, 404, 503}


def test_writing_is_for_this_machine_until_there_is_a_key_for_it(
    visit: Callable[..., TestClient], store: KeyStore
) -> None:
    here, elsewhere = visit(), visit("203.0.113.7")
    cancel = [("POST", "/jobs/x/cancel")]
    _, asking = store.create("asks", [Scope.ASK])
    assert statuses(here, cancel, None) == statuses(here, cancel, asking) == {404}
    assert statuses(elsewhere, WRITING, None) == statuses(elsewhere, WRITING, asking) == {403}
    _, writing = store.create("writes", [Scope.WRITE])
    for client in (here, elsewhere):
        assert statuses(client, WRITING, None) == statuses(client, WRITING, "made up") == {401}
        assert statuses(client, WRITING, asking) == {403}
        assert statuses(client, cancel, writing) == {404}
    store.revoke("writes", may_open=False)
    assert statuses(here, cancel, None) == {404}
    assert statuses(elsewhere, cancel, writing) == {403}


def test_a_key_that_has_expired_opens_nothing(
    visit: Callable[..., TestClient], store: KeyStore
) -> None:
    past = timedelta(seconds=-1)
    _, expired = store.create("both", [Scope.ASK, Scope.WRITE], past)
    assert statuses(visit(), ASKING + WRITING, expired) == {401}
    assert statuses(visit(), ASKING + WRITING, None) == {401}
    assert [key.expired for key in store.all()] == [True]


def test_the_key_of_the_settings_may_do_everything_and_closes_writing_alone(
    visit: Callable[..., TestClient], store: KeyStore
) -> None:
    client = visit(configured=CONFIGURED)
    cancel = [("POST", "/jobs/x/cancel")]
    assert statuses(client, ASKING, None) == {200, 404, 503}
    assert statuses(client, WRITING, None) == {401}
    assert statuses(client, cancel, CONFIGURED) == {404}
    store.create("asks", [Scope.ASK])
    assert statuses(client, ASKING, None) == {401}
    assert statuses(client, ASKING, CONFIGURED) == {200, 404, 503}
    store.path.write_text("{")
    assert statuses(client, ASKING + cancel, CONFIGURED) == {200, 404, 503}
    assert statuses(client, [("GET", "/jobs")], None) == {503}
    assert statuses(client, WRITING, "made up") == {503}


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text(""),
        lambda path: path.write_text("[]"),
        lambda path: path.write_text('{"format": 2, "keys": []}'),
        lambda path: path.write_text(path.read_text()[:-9]),
        lambda path: path.write_text(path.read_text().replace('"ask"', '"everything"')),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_damaged_file_lets_nobody_in(
    visit: Callable[..., TestClient],
    store: KeyStore,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], object],
) -> None:
    client = visit()
    key, asking = store.create("asks", [Scope.ASK])
    whole = store.path.read_bytes()
    damage(store.path)
    for sent in (asking, "made up", None):
        with caplog.at_level(logging.ERROR):
            assert statuses(client, ASKING + WRITING, sent) == {503}
    detail = client.get("/jobs", headers=bearer(asking)).json()["detail"]
    assert "its log tells the reason" in detail
    assert str(store.path) not in detail
    assert str(store.path) in caplog.text
    assert asking not in caplog.text
    assert key.sha256 not in caplog.text
    assert client.get("/healthz").status_code == 200
    with pytest.raises(KeyStoreError):
        store.create("another", [Scope.ASK])
    if store.path.is_file():
        store.path.write_bytes(whole)
        assert statuses(client, ASKING, asking) == {200, 404, 503}


def test_metrics_are_for_this_machine_and_for_who_may_ask(store: KeyStore) -> None:
    bare = FastAPI()
    bare.state.settings = Settings(home=store.path.parent)

    @bare.get("/metrics", dependencies=[Monitor])
    def metrics() -> str:
        return "here they are"

    here = TestClient(bare, base_url="http://127.0.0.1", client=("127.0.0.1", 1))
    elsewhere = TestClient(bare, base_url="http://127.0.0.1", client=("203.0.113.7", 1))
    assert elsewhere.get("/metrics").status_code == 200
    _, asking = store.create("asks", [Scope.ASK])
    assert here.get("/metrics").status_code == 200
    assert here.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"}).status_code == 401
    assert here.get("/metrics", headers={"host": "evil.example"}).status_code == 401
    assert elsewhere.get("/metrics").status_code == 401
    assert elsewhere.get("/metrics", headers=bearer(asking)).status_code == 200


def test_every_route_but_the_open_ones_is_said_to_take_a_key(
    visit: Callable[..., TestClient],
) -> None:
    schema = visit().get("/openapi.json").json()
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            assert ("security" in operation) == (path not in ("/healthz", "/readyz")), path
            if "security" in operation:
                assert {} in operation["security"]
                assert {"401", "403", "429", "503"} <= set(operation["responses"])


def test_every_worker_of_a_running_service_knows_at_once(
    start_server: Callable[..., Server],
    quick_environment: Environment,
    run_command: RunCommand,
    tmp_path: Path,
) -> None:
    server = start_server({**quick_environment, "CAMPUS_QA_HOME": str(tmp_path)}, "--workers", "2")
    base = str(server.client.base_url)

    def everywhere(method: str, path: str, key: str) -> set[int]:
        # A connection each, so that both workers are asked.
        return {
            httpx.request(method, f"{base}{path}", headers=bearer(key)).status_code
            for _ in range(12)
        }

    def keys(*arguments: str) -> str:
        done = run_command("keys", *arguments, CAMPUS_QA_HOME=str(tmp_path))
        assert done.returncode == 0
        return done.stdout.strip()

    assert everywhere("GET", "/jobs", "none") == {200}
    asking = keys("create", "asks")
    assert everywhere("GET", "/jobs", "none") == {401}
    assert everywhere("GET", "/jobs", asking) == {200}
    assert everywhere("POST", "/jobs/x/cancel", asking) == {404}
    writing = keys("create", "writes", "--scope", "write")
    assert everywhere("POST", "/jobs/x/cancel", asking) == {403}
    assert everywhere("POST", "/jobs/x/cancel", writing) == {404}
    keys("revoke", "writes")
    assert everywhere("GET", "/jobs", writing) == {401}
    server.stop()
