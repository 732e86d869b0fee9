"""A real HTTP server, started as users start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp
from typer.testing import CliRunner

from api.cli import app

Environment = dict[str, str]
RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]
COMMAND = Path(sys.executable).parent / "campus-qa"


@pytest.fixture(scope="session")
def environment(home: Path, model_path: str) -> Environment:
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("CAMPUS_QA_")},
        "CAMPUS_QA_HOME": str(home),
        "CAMPUS_QA_EMBEDDING_MODEL": model_path,
    }


@pytest.fixture(scope="session")
def quick_environment(environment: Environment) -> Environment:
    """Without the reranker, which takes nine tenths of an answer's time, for what does not depend
    on it.
    """
    return {**environment, "CAMPUS_QA_RERANKER": "none"}


@pytest.fixture(scope="session")
def run_command(environment: Environment) -> RunCommand:
    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture(scope="session")
def run_here(environment: Environment) -> RunCommand:
    """As `run_command`, but in this process, which has imported already what takes seconds. Not
    for `serve` and `mcp`, which set up the logs of their process.
    """
    bare = {name: None for name in os.environ if name.startswith("CAMPUS_QA_")}

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        env = {**bare, **environment, **more}
        done = CliRunner().invoke(app, arguments, env=env, catch_exceptions=False)
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run


class Server:
    """A service started as users start it, and a client of it."""

    SECONDS_TO_START = 120

    def __init__(self, environment: Environment, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [str(COMMAND), "serve", "--port", str(port), *options]
        self.process = subprocess.Popen(command, env=environment)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        with ExitStack() as unless_it_answers:
            unless_it_answers.callback(self.stop)
            wait_for(self._answers, self.SECONDS_TO_START)
            unless_it_answers.pop_all()

    def stop(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                assert self.process.wait(timeout=30) in {0, -signal.SIGTERM}
            finally:
                self.process.kill()

    def _answers(self) -> bool:
        try:
            self.client.get("/healthz")
        except httpx.TransportError:
            assert self.process.poll() is None, "the server ended"
            return False
        return True


@pytest.fixture(scope="session")
def start_server() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(environment: Environment, *options: str) -> Server:
        servers.append(Server(environment, *options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def client(start_server: Callable[..., Server], environment: Environment) -> httpx.Client:
    return start_server(environment).client


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """Serve an application of the test's own, in a thread; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Look again and again until a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def finished(client: httpx.Client, response: httpx.Response) -> dict[str, Any]:
    """The job that a request started, once it has ended and the service has moved on."""
    assert response.status_code == 202, response.text
    url = response.headers["location"]
    wait_for(lambda: client.get(url).json()["status"] not in ("queued", "running"))
    job: dict[str, Any] = client.get(url).json()
    if job["status"] == "done" and job["index_version"]:
        wait_for(lambda: client.get("/readyz").json().get("index_version") == job["index_version"])
    return job
