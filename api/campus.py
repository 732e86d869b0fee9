"""The library: from Python to a cited answer, without a service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from api.indexing import run_build
from api.models import Models
from api.schemas import check_text
from api.settings import Settings
from corpus import Failure, find_files, read_files
from index import SnapshotStore, build_snapshot
from qa import Answer, Answerer, AnswerMode, Filters, Mode, Retrieved, Said, SearchResult, Turn

_LOGGER = logging.getLogger(__name__)


class CampusQA:
    """Answers questions from the version of the index that was current when it was made.

        from api import CampusQA

        qa = CampusQA()
        print(qa.ask("Qui dirige PariSanté Campus ?").answer)

    Making one takes seconds, as the models are loaded: keep it. It is safe to call from several
    threads; `ask_async` and `search_async` work in a thread of their own, several at once.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        answerer: Answerer | None = None,
        **given: Any,
    ) -> None:
        """Args:
            settings: From the environment (`CAMPUS_QA_...`) by default.
            answerer: What answers, instead of the current index and the models of the settings.
            given: Settings by name, such as `home` or `top_k`, instead of the environment's.

        Raises:
            pydantic.ValidationError: A setting is wrong, or there is no such setting.
            SnapshotError: There is no index, or it was built with another embedding model.
            EmbedderError, EmbeddedModelError, RerankerError, SpanReaderError: A model cannot be
                loaded.
        """
        if settings is not None and given:
            raise TypeError(f"give settings, or {', '.join(given)} by name, not both")
        self.settings = settings or Settings(**given)
        if answerer is None:
            snapshot = self.settings.store.load()
            answerer = Models.load(self.settings).answerer(snapshot)
        self._answerer = answerer

    @classmethod
    def from_documents(
        cls,
        paths: Iterable[str | PathLike[str]],
        *,
        home: str | PathLike[str] | None = None,
        **given: Any,
    ) -> CampusQA:
        """Answer from these files and folders alone; a file that cannot be read is logged.

        Args:
            paths: What to read.
            home: Where the index is kept: another time, only what is new or changed is embedded.
                By default it is built anew and kept in memory alone.
            given: Other settings by name, as above.

        Raises:
            CorpusError: A path does not exist, or two files would be the same document.
            SnapshotError: There is nothing to index.
            pydantic.ValidationError, EmbedderError, EmbeddedModelError, RerankerError,
                SpanReaderError: As above.
        """
        sources = [Path(path) for path in paths]
        if home is not None:
            settings = Settings(home=Path(home), **given)
            build = run_build(settings, sources, reuse=True, restore=True, progress=_in_silence)
            if build is None:
                raise AssertionError("a build by hand is never empty")
            _log(build.failures)
            return cls(settings)
        settings = Settings(**given)
        models = Models.load(settings)
        with TemporaryDirectory(prefix="campus-qa-") as folder:
            store = SnapshotStore(Path(folder))
            files = read_files(find_files(sources))
            _log(build_snapshot(files, models.embedder, store, settings.chunking).failures)
            snapshot = store.load()
        return cls(settings, answerer=models.answerer(snapshot))

    @property
    def index_version(self) -> str:
        """The version of the index that answers."""
        return self._answerer.snapshot.version

    def ask(
        self,
        question: str,
        *,
        top_k: int | None = None,
        filters: Filters | None = None,
        history: Sequence[Turn] = (),
        mode: AnswerMode | None = None,
    ) -> Answer:
        """Answer a question in French or English, with citations, or say that the documents do
        not answer it.

        Args:
            question: As it was asked.
            top_k: How many of the nearest passages come with the answer.
            filters: Which documents it may be answered from, such as `{"language": "fr"}`.
            history: What was asked and answered before, in order.
            mode: `extractive` even though there is an LLM; by default it is used.

        Raises:
            ValueError: The question has no text, or is too long.
            FilterError: A filter names a field that no document has.
            ModeError: The mode is `generative`, and there is no LLM.
        """
        number = top_k or self.settings.top_k
        return self._answerer.ask(check_text(question), number, filters, history, mode)

    def stream(
        self,
        question: str,
        *,
        top_k: int | None = None,
        filters: Filters | None = None,
        history: Sequence[Turn] = (),
        mode: AnswerMode | None = None,
    ) -> Iterator[Retrieved | Said | Answer]:
        """The answer of `ask` as it forms: the passages, pieces of its text, then all of it."""
        number = top_k or self.settings.top_k
        return self._answerer.stream(check_text(question), number, filters, history, mode)

    def search(
        self,
        query: str,
        *,
        top_k: int | None = None,
        mode: Mode = "hybrid",
        filters: Filters | None = None,
    ) -> SearchResult:
        """Find the passages nearest to a query, best first.

        Args:
            query: A question or keywords, in French or English.
            top_k: How many come back.
            mode: How they are ranked; `hybrid` alone is reranked.
            filters: Which documents they may stand in.

        Raises:
            ValueError: The query has no text, or is too long.
            FilterError: A filter names a field that no document has.
        """
        number = top_k or self.settings.top_k
        return self._answerer.search(check_text(query), number, mode, filters)

    async def ask_async(
        self,
        question: str,
        *,
        top_k: int | None = None,
        filters: Filters | None = None,
        history: Sequence[Turn] = (),
        mode: AnswerMode | None = None,
    ) -> Answer:
        """`ask`, while the event loop goes on."""
        return await asyncio.to_thread(
            self.ask, question, top_k=top_k, filters=filters, history=history, mode=mode
        )

    async def search_async(
        self,
        query: str,
        *,
        top_k: int | None = None,
        mode: Mode = "hybrid",
        filters: Filters | None = None,
    ) -> SearchResult:
        """`search`, while the event loop goes on."""
        return await asyncio.to_thread(self.search, query, top_k=top_k, mode=mode, filters=filters)


def _in_silence(stage: str, done: int, total: int) -> None:
    """Progress of a build that nobody watches."""


def _log(failures: Iterable[Failure]) -> None:
    for failure in failures:
        _LOGGER.warning("not indexed: %s: %s", failure.path, failure.reason)
