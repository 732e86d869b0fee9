from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.doctor import Check, diagnose
from api.jobs import Job, JobStore
from api.keys import Scope
from api.settings import Settings
from tests.api.conftest import RunCommand
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"


class Models(ThreadingHTTPServer):
    """An LLM's server, as far as `GET /v1/models` goes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = b'{"object": "list", "data": [{"id": "small", "object": "model"}]}'


class _Handler(BaseHTTPRequestHandler):
    server: Models

    def do_GET(self) -> None:
        known = self.path == "/v1/models"
        allowed = self.headers["authorization"] == "Bearer open sesame"
        self.send_response((200 if allowed else 401) if known else 404)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Models]:
    server = Models()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("CAMPUS_QA_HOME", str(tmp_path))
    monkeypatch.setenv("CAMPUS_QA_LLM_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("CAMPUS_QA_LLM_MODEL", "small")
    monkeypatch.setenv("CAMPUS_QA_LLM_API_KEY", "open sesame")
    yield server
    server.shutdown()
    server.server_close()


def check(name: str, port: int = 0) -> Check:
    """The one of this name; what comes after it is not looked at."""
    return next(found for found in diagnose("127.0.0.1", port) if found.name == name)


def test_a_sound_installation(run_command: RunCommand) -> None:
    result = run_command("doctor", "--json", "--port", "0")
    report = json.loads(result.stdout)
    states = {found["name"]: found["state"] for found in report["checks"]}
    assert set(states.values()) == {"ok"}, report
    assert states.keys() >= {"packages", "settings", "home", "jobs", "index", "question"}
    assert report["ok"]
    assert result.returncode == 0


def test_wrong_settings_are_named(run_command: RunCommand) -> None:
    result = run_command("doctor", CAMPUS_QA_TOP_K="0", CAMPUS_QA_API_KEY="hush")
    assert result.returncode == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("failed")]
    assert "CAMPUS_QA_TOP_K" in line
    assert "CAMPUS_QA_API_KEY" in line
    assert "hush" not in result.stdout + result.stderr


def test_what_is_wrong_is_found_and_nothing_crashes(
    llm: Models,
    home: Path,
    model_path: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(home / "index", tmp_path / "index")
    settings = Settings()
    with (settings.store.current() / "passages.jsonl").open("r+b") as file:
        file.write(b"[")
    settings.jobs.mkdir()
    lost = {"id": "lost", "kind": "update", "created_at": "2025-01-01", "status": "running"}
    JobStore(settings).write(Job.model_validate(lost))
    damaged = tmp_path / "damaged"
    shutil.copytree(model_path, damaged, symlinks=True)
    (damaged / "model.safetensors").write_bytes(b"not a model")
    monkeypatch.setenv("CAMPUS_QA_EMBEDDING_MODEL", str(damaged))
    monkeypatch.setenv("CAMPUS_QA_TOPK", "3")
    monkeypatch.setenv("CAMPUS_QA_LLM_MODEL", "large")
    found = {each.name: each for each in diagnose("127.0.0.1", llm.server_port)}
    states = {each.name: each.state for each in found.values() if each.state != "ok"}
    assert states == {
        "settings": "warning",
        "port": "warning",
        "jobs": "warning",
        "llm": "warning",
        "index": "failed",
        "embedding model": "failed",
    }
    for name in states:
        assert found[name].advice
    assert "CAMPUS_QA_TOP_K" in str(found["settings"].advice)
    assert "lost" in found["jobs"].found
    assert "passages.jsonl" in found["index"].found
    assert "CAMPUS_QA_EMBEDDING_MODEL" in str(found["embedding model"].advice)
    assert "small" in found["llm"].found


def test_the_llm_is_asked_for_its_models(llm: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = check("llm")
    assert (sound.state, sound.advice) == ("ok", None)
    llm.body = b"<html>"
    assert "does not speak" in check("llm").found
    monkeypatch.setenv("CAMPUS_QA_LLM_API_KEY", "wrong")
    assert "CAMPUS_QA_LLM_API_KEY" in str(check("llm").advice)
    monkeypatch.setenv("CAMPUS_QA_LLM_BASE_URL", "http://127.0.0.1:1/v1")
    assert check("llm").state == "failed"


def test_a_home_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CAMPUS_QA_HOME", str(tmp_path / "file" / "home"))
    found = check("home")
    assert found.state == "failed"
    assert "CAMPUS_QA_HOME" in str(found.advice)


def test_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPUS_QA_HOME", str(tmp_path))
    assert check("access").found == (
        "all who can reach the service may ask; this machine alone may write"
    )
    Settings().keys.create("website", [Scope.ASK])
    assert "those with a key may ask" in check("access").found
    Settings().keys.create("past", [Scope.ASK], timedelta(days=-1))
    assert (check("access").state, check("access").found) == ("warning", "expired keys: past")
    Settings().keys.path.write_text("{", encoding="utf-8")
    assert check("access").state == "failed"


def test_without_an_index_it_says_how_to_build_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPUS_QA_HOME", str(tmp_path))
    assert check("index").advice == "campus-qa index build"


def test_traces_whose_packages_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPUS_QA_OTLP_ENDPOINT", "http://user:hidden@127.0.0.1:4318")
    assert check("traces").state == "ok"
    assert "hidden" not in check("traces").found
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert check("traces").advice == "pip install 'campus-qa[otel]'"


def test_what_deploys_names_real_settings_and_paths() -> None:
    known = {f"CAMPUS_QA_{name.upper()}" for name in Settings.model_fields}
    for path in DEPLOY.iterdir():
        named = set(re.findall(r"CAMPUS_QA_\w+", path.read_text(encoding="utf-8")))
        assert named, path
        assert named <= known, path
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    service = compose["services"]["campus-qa"]
    assert {volume.partition(":")[0] for volume in service["volumes"]} == compose["volumes"].keys()
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    image = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    for copied in re.findall(r"^COPY (?!--)(.+) \S+$", image, re.MULTILINE):
        for name in copied.split():
            assert (ROOT / name).exists(), name
    assert re.search(r"^USER 10001", image, re.MULTILINE)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not there")
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    unit = tmp_path / "campus-qa.service"
    command = Path(sys.executable).parent / "campus-qa"
    text = (DEPLOY / "campus-qa.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/campus-qa/.venv/bin/campus-qa", str(command)))
    result = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
