"""Serving: the answerer of the current snapshot, exchanged while questions go on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from api.models import Models
from api.settings import Settings
from index import EmbeddedModelError, EmbedderError, Snapshot, SnapshotError
from qa import Answerer, RerankerError, SpanReaderError

_LOGGER = logging.getLogger(__name__)
_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_REFUSED = 60
UNUSABLE = (SnapshotError, EmbedderError, EmbeddedModelError, RerankerError, SpanReaderError)
"""What an index, or a model that it needs, cannot be loaded for."""


class Serving:
    """Holds what answers, and exchanges it when another snapshot has become current.

    A request takes `answerer` once and keeps it to its end: it never sees two snapshots. Each
    process of the service has its own, so all of them move to a new snapshot by themselves.
    """

    def __init__(self, settings: Settings) -> None:
        """Load the current snapshot if there is one, and the model.

        Raises:
            SnapshotError: It was built with another embedding model.
            EmbedderError, EmbeddedModelError, RerankerError, SpanReaderError: A model cannot be
                loaded.
        """
        self._settings = settings
        self._models: Models | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._refused: str | None = None
        self._refused_until = 0.0
        self.answerer: Answerer | None = None
        try:
            snapshot = settings.store.load()
        except SnapshotError as error:
            _LOGGER.warning("%s", error)
        else:
            self.answerer = self._answerer(snapshot)

    def start(self) -> None:
        """Begin to look for new snapshots, in a thread of its own."""
        self._thread = threading.Thread(target=self._watch, name="snapshots", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def refresh(self) -> None:
        """Move to the current snapshot, if it is another one and can be used."""
        with self._lock:
            self._refresh()

    def rollback(self, version: str | None, waiting: Callable[[], None]) -> None:
        """Make another version current and serve it; by default the one before the current one.

        Args:
            version: As the store names it.
            waiting: Called while the index is being built; what it raises ends the wait.

        Raises:
            SnapshotError: There is no such version, or it cannot be served; nothing has changed.
            EmbedderError, EmbeddedModelError, RerankerError, SpanReaderError: A model cannot be
                loaded.
        """
        store = self._settings.store
        with self._lock:
            snapshot = Snapshot.load(store.directory(version or store.version_before()))
            answerer = self._answerer(snapshot)
            store.rollback(snapshot.version, waiting)
            self.answerer = answerer
            self._refused = None

    def _refresh(self) -> None:
        store = self._settings.store
        try:
            version = store.current_version()
        except SnapshotError:
            # Every document has been removed: nothing is left to answer from.
            self.answerer = None
            return
        served = self.answerer.snapshot.version if self.answerer else None
        refused = version == self._refused and time.monotonic() < self._refused_until
        if refused or version == served:
            return
        try:
            answerer = self._answerer(store.load())
        except (*UNUSABLE, OSError) as error:
            _LOGGER.error("the index %s is not served: %s", version, error)
            # For a while: what it failed of may pass, such as a disk that could not be read.
            self._refused, self._refused_until = version, time.monotonic() + _SECONDS_REFUSED
        else:
            self.answerer = answerer
            _LOGGER.info("now serving the index %s", answerer.snapshot.version)

    def _watch(self) -> None:
        while not self._stop.wait(_SECONDS_BETWEEN_LOOKS):
            try:
                self.refresh()
            except Exception:
                # Whatever it is, the next look may go well, and questions go on meanwhile.
                _LOGGER.exception("looking for a new index failed")

    def _answerer(self, snapshot: Snapshot) -> Answerer:
        if self._models is None:
            self._models = Models.load(self._settings)
        return self._models.answerer(snapshot)
