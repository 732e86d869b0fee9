"""The MCP server: the indexed documents as tools of LLM agents (Model Context Protocol)."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from inspect import getdoc
from typing import Annotated, Any

from anyio import to_thread
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import given_key, require_asker
from api.listing import list_documents
from api.problems import refusal
from api.schemas import MAX_HISTORY, DocumentList, GivenFilters, GivenTurn, Text, TopK
from api.serving import UNUSABLE, Serving
from api.settings import Settings
from qa import (
    Answer,
    Answerer,
    AnswerMode,
    Citation,
    FilterError,
    Mode,
    ModeError,
    RetrievedPassage,
    SearchResult,
    Turn,
)

MOST_READ = 20_000
"""Longest text that `read_document` gives at once, in code points."""

MOST_LISTED = 100
"""Most documents that `list_documents` gives at once."""

_INSTRUCTIONS = """\
Questions about the indexed documents are answered from these documents alone, in French or English.
Ask with `ask`; find passages with `search_passages`; follow a citation with `read_document`. Every
quote is an exact slice of its document. Where `answered` is false, the documents do not answer:
tell the user so, and do not fill the gap with anything else."""

_READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_LOGGER = logging.getLogger(__name__)


class ListedDocuments(DocumentList):
    """Indexed documents, sorted by id: `total` is how many there are, `next_start` the number of
    the first one that is not listed here, null where none is left.
    """

    total: int
    next_start: int | None


class DocumentText(BaseModel):
    """The exact text of a document from `start` to `end`, in code points.

    `characters` is the length of the whole document; `next_start` is where to read on, null where
    all that was asked for is here.
    """

    document_id: str
    title: str
    source: str
    text: str
    start: int
    end: int
    characters: int
    next_start: int | None
    index_version: str


def create_server(settings: Settings) -> MCPServer[None]:
    """The server, ready to be run on any transport.

    It answers the protocol at once; the models are loaded meanwhile, and the first tool that needs
    them waits for them. It moves to each new version of the index by itself.
    """
    tools = Tools(settings)
    given = (tools.ask, tools.search_passages, tools.list_documents, tools.read_document)
    return MCPServer(
        "campus-qa",
        title="Campus QA",
        version=version("campus-qa"),
        instructions=_INSTRUCTIONS,
        tools=[_tool(function) for function in given],
        lifespan=lambda server: tools.running(),
    )


def create_service(settings: Settings, host: str) -> Starlette:
    """The server over HTTP, at `/mcp`, as an ASGI application.

    Args:
        settings: Whose keys let in.
        host: Address that it will listen on. On this machine's own, requests that a browser sends
            for another site are refused (DNS rebinding).
    """
    service = create_server(settings).streamable_http_app(stateless_http=True, host=host)
    service.state.settings = settings
    service.add_middleware(AgentsOnly)
    return service


class AgentsOnly:
    """Lets in the requests that may ask."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http":
            try:
                request = Request(scope)
                await require_asker(request, await given_key(request))
            except HTTPException as error:
                app = refusal(scope, error)
        await app(scope, receive, send)


class Tools:
    """The tools; the docstring of each is what the LLM that calls it is told."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._serving: Serving | None = None

    def ask(
        self,
        question: Annotated[Text, Field(description="in French or English, as the user asks it")],
        history: Annotated[
            list[GivenTurn] | None,
            Field(
                max_length=MAX_HISTORY,
                description="what was asked and answered before, in order, so that a follow-up "
                "('And how many square metres?') is understood",
            ),
        ] = None,
        filters: GivenFilters = None,
        mode: Annotated[
            AnswerMode | None,
            Field(
                description="`extractive`: sentences of the documents, verbatim; `generative`: "
                "worded by the server's LLM, if it has one; leave it out for the server's default"
            ),
        ] = None,
    ) -> Annotated[CallToolResult, Answer]:
        """Answer a question from the indexed documents alone, with citations, or say that they do
        not answer it.

        If `answered` is true, the markers in `answer`, such as [1], name its `citations`. Each
        `quote` is an exact slice of a document: repeat it verbatim or not at all. `read_document`
        with the citation's document_id, start and end gives it back; a wider range gives what
        stands around it. `confidence` is the estimated probability that the answer is right.

        If `answered` is false, the documents do not answer the question. Tell the user so. Never
        fill the gap from your own knowledge, nor from the passages that come along, which are the
        nearest ones and no answer.
        """
        turns = [Turn(question=turn.question, answer=turn.answer) for turn in history or []]
        with _told():
            answer = self._answerer().ask(question, self._settings.top_k, filters, turns, mode)
        return _result(answer, _tell_answer(answer))

    def search_passages(
        self,
        query: Annotated[Text, Field(description="a question or keywords, in French or English")],
        top_k: Annotated[TopK | None, Field(description="how many passages come back")] = None,
        mode: Annotated[
            Mode,
            Field(
                description="how passages are ranked: `hybrid`, by words and meaning, is the best; "
                "`dense`, by meaning alone; `lexical`, by words alone"
            ),
        ] = "hybrid",
        filters: GivenFilters = None,
    ) -> Annotated[CallToolResult, SearchResult]:
        """Find the passages of the indexed documents that are nearest to a query, best first.

        Use it to explore what the documents say; use `ask` for a question that has an answer. Each
        `text` is an exact slice of its document, which `read_document` gives back with document_id,
        start and end. The nearest passages come back even where none is about the query: a low
        `score` says so.
        """
        with _told():
            found = self._answerer().search(query, top_k or self._settings.top_k, mode, filters)
        return _result(found, _tell_passages(found.passages) or "No passage found.")

    def list_documents(
        self,
        start: Annotated[
            int, Field(ge=0, description="number of the first one to list, counted from 0")
        ] = 0,
    ) -> Annotated[CallToolResult, ListedDocuments]:
        """List the indexed documents: id, title, source, language, length and what else each says
        of itself, which is what `filters` can ask for.

        At most 100 come at once: while `next_start` is not null, call again with it as `start`.
        """
        snapshot = self._answerer().snapshot
        documents = list_documents(snapshot)
        end = start + MOST_LISTED
        listed = ListedDocuments(
            documents=documents[start:end],
            index_version=snapshot.version,
            total=len(documents),
            next_start=end if end < len(documents) else None,
        )
        return _result(listed, _tell_documents(listed, start))

    def read_document(
        self,
        document_id: Annotated[str, Field(description="as citations and lists name it")],
        start: Annotated[int, Field(ge=0, description="first code point")] = 0,
        end: Annotated[
            int | None, Field(ge=0, description="one past the last; by default the document's end")
        ] = None,
    ) -> Annotated[CallToolResult, DocumentText]:
        """Read the exact text of a document, or a slice of it, in Unicode code points.

        With the start and end of a citation it gives exactly its quote. At most 20,000 code points
        come at once: while `next_start` is not null, call again with it as `start`.
        """
        snapshot = self._answerer().snapshot
        document = snapshot.documents.get(document_id)
        if document is None:
            raise ToolError(
                f"there is no document {document_id!r}: `list_documents` tells which there are"
            )
        length = len(document.text)
        stop = length if end is None else end
        if not start <= stop <= length:
            raise ToolError(
                f"there is no slice from {start} to {stop}: the text has {length} characters"
            )
        last = min(stop, start + MOST_READ)
        read = DocumentText(
            document_id=document.id,
            title=document.title,
            source=document.source,
            text=document.text[start:last],
            start=start,
            end=last,
            characters=length,
            next_start=last if last < stop else None,
            index_version=snapshot.version,
        )
        more = f" Read on from {last}." if last < stop else ""
        return _result(read, f"{read.title}, {start} to {last} of {length}.{more}", read.text)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models while the protocol goes on, and look for new versions of the index."""
        threading.Thread(target=self._warm_up, name="models").start()
        try:
            yield
        finally:
            await to_thread.run_sync(self._stop)

    def _warm_up(self) -> None:
        try:
            self._load()
        except UNUSABLE as error:
            # The next tool that is called tries again, and tells.
            _LOGGER.error("%s", error)

    def _load(self) -> Serving:
        with self._lock:
            if self._serving is None:
                serving = Serving(self._settings)
                serving.start()
                self._serving = serving
            return self._serving

    def _stop(self) -> None:
        with self._lock:
            if self._serving is not None:
                self._serving.stop()

    def _answerer(self) -> Answerer:
        try:
            answerer = self._load().answerer
        except UNUSABLE as error:
            raise ToolError(str(error)) from error
        if answerer is None:
            raise ToolError(
                f"there is no index to answer from in {self._settings.home.resolve()}: build one "
                "with `campus-qa index build`, or set CAMPUS_QA_HOME to where it is; if there is "
                "one, the log says why it cannot be used"
            )
        return answerer


def _tool(function: Callable[..., CallToolResult]) -> Tool:
    tool = Tool.from_function(function, description=getdoc(function), annotations=_READS)
    # An argument that there is not, such as `filter`, is an error, and not passed over in silence.
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema()
    return tool


@contextmanager
def _told() -> Iterator[None]:
    """Tell the caller what it can mend; anything else is a failure of the server, and logged."""
    try:
        yield
    except (FilterError, ModeError) as error:
        raise ToolError(str(error)) from error


def _result(content: BaseModel, *texts: str) -> CallToolResult:
    """A result for programs, and as text for the clients that know nothing else."""
    structured: dict[str, Any] = content.model_dump(mode="json")
    return CallToolResult(
        content=[TextContent(type="text", text=text) for text in texts],
        structured_content=structured,
    )


def _tell_answer(answer: Answer) -> str:
    if not answer.answered:
        return (
            f"answered: false\n{answer.answer}\n\nTell the user that the documents do not answer "
            "this, and do not fill the gap. The nearest passages, which are no answer:\n\n"
            f"{_tell_passages(answer.passages)}"
        )
    facts = [
        "answered: true",
        f"confidence: {answer.confidence:.2f}",
        f"short answer: {answer.short_answer}" if answer.short_answer else "",
        f"understood as: {answer.understood_as}" if answer.understood_as else "",
        f"in the documents' own words, not the LLM's: {answer.fallback}" if answer.fallback else "",
    ]
    citations = (f"[{c.marker}] {_place(c)}\n{c.quote}" for c in answer.citations)
    return "\n\n".join(["\n".join(filter(None, facts)), answer.answer, *citations])


def _tell_passages(passages: tuple[RetrievedPassage, ...]) -> str:
    return "\n\n".join(f"{_place(p)}, score: {p.score:.3f}\n{p.text}" for p in passages)


def _tell_documents(listed: ListedDocuments, start: int) -> str:
    more = f" List on from {listed.next_start}." if listed.next_start else ""
    lines = [
        f"{d.id}: {d.title} ({d.language}, {d.characters} characters, {d.source})"
        for d in listed.documents
    ]
    return "\n".join([f"{len(lines)} of {listed.total} documents, from {start}.{more}", *lines])


def _place(found: Citation | RetrievedPassage) -> str:
    """Where it stands, in the words that `read_document` takes."""
    heading = f", {found.heading}" if found.heading else ""
    page = f", page {found.page}" if found.page else ""
    return (
        f"{found.title}{heading}{page}; document_id: {found.document_id}, start: {found.start}, "
        f"end: {found.end}"
    )
