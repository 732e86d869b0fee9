"""What is served, with a stand-in for the store and without models."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.serving import Serving
from api.settings import Settings
from index import SnapshotError
from qa import Answerer


class Store:
    """Version "b" follows "a", and cannot be read for the moment."""

    current = "a"
    broken = True
    loads = 0

    def current_version(self) -> str:
        return self.current

    def load(self) -> Any:
        self.loads += 1
        if self.current == "b" and self.broken:
            raise OSError("the disk is away")
        return SimpleNamespace(version=self.current)

    def directory(self, version: str) -> str:
        return version

    def rollback(self, version: str, waiting: object) -> None:  # noqa: ARG002
        self.current = version


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: times[0])
    return times


@pytest.fixture
def serving(store: Store, now: list[float], monkeypatch: pytest.MonkeyPatch) -> Serving:
    def answerer(self: Serving, snapshot: object) -> Answerer:
        return cast("Answerer", SimpleNamespace(snapshot=snapshot))

    def load(directory: str) -> object:
        if store.broken:
            raise SnapshotError(directory)
        return SimpleNamespace(version=directory)

    monkeypatch.setattr(Serving, "_answerer", answerer)
    monkeypatch.setattr("api.serving.Snapshot.load", load)
    serving = Serving(cast("Settings", SimpleNamespace(store=store)))
    store.current = "b"
    return serving


def served(serving: Serving) -> str:
    serving.refresh()
    assert serving.answerer is not None
    return serving.answerer.snapshot.version


def test_what_cannot_be_used_is_tried_again_after_a_minute(
    serving: Serving, store: Store, now: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    before = store.loads
    for now[0] in (0, 0.5, 59):
        assert served(serving) == "a"
    assert store.loads - before == len(caplog.records) == 1
    now[0] = 61
    assert served(serving) == "a"
    assert store.loads - before == len(caplog.records) == 2
    store.broken = False
    now[0] = 100
    assert served(serving) == "a"
    now[0] = 122
    assert served(serving) == "b"


def test_going_to_another_version_ends_the_refusal(serving: Serving, store: Store) -> None:
    assert served(serving) == "a"
    with pytest.raises(SnapshotError):
        serving.rollback("a", lambda: None)
    store.broken = False
    assert served(serving) == "a"
    serving.rollback("a", lambda: None)
    store.current = "b"
    assert served(serving) == "b"
