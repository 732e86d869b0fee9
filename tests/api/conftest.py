"""A real HTTP server, started as users start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

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
def start_server() -> Iterator[Callable[[Environment], httpx.Client]]:
    processes: list[subprocess.Popen[bytes]] = []
    clients: list[httpx.Client] = []

    def start(environment: Environment) -> httpx.Client:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen([COMMAND, "serve", "--port", str(port)], env=environment)
        processes.append(process)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        clients.append(client)
        for _ in range(600):
            try:
                client.get("/healthz")
            except httpx.ConnectError:
                assert process.poll() is None, "the server ended"
                time.sleep(0.2)
            else:
                return client
        raise AssertionError("the server did not start")

    yield start
    for client in clients:
        client.close()
    for process in processes:
        process.terminate()
    codes = [process.wait(timeout=30) for process in processes]
    assert set(codes) <= {0, -signal.SIGTERM}


@pytest.fixture(scope="session")
def client(
    start_server: Callable[[Environment], httpx.Client], environment: Environment
) -> httpx.Client:
    return start_server(environment)
