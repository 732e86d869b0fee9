from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Server


def test_a_server_that_does_not_start_in_time_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def noted(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(start(*args, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    monkeypatch.setattr(Server, "SECONDS_TO_START", 0)
    with pytest.raises(AssertionError, match="in time"):
        Server({**os.environ, "CAMPUS_QA_HOME": str(tmp_path)})
    (process,) = started
    assert process.returncode is not None
