"""The MCP server, asked by the SDK's own client: over standard input and output, and over HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent, Tool

from api.keys import Scope
from api.mcp_server import MOST_LISTED, MOST_READ, create_service
from api.settings import Settings
from corpus import Document
from index import Embedder, SnapshotStore, build_snapshot
from qa import Answer, SearchResult
from tests.api.conftest import COMMAND, Environment, serve, wait_for
from tests.api.test_http import assert_problem
from tests.conftest import CHUNKING
from tests.documents import document

QUESTION = "Combien de personnes travaillent à PariSanté Campus ?"


class Agent:
    """A connected client, for tests that are not asynchronous."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self.portal = portal
        self.client = client

    def tools(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in self.portal.call(self.client.list_tools).tools}

    def call(self, name: str, **arguments: Any) -> CallToolResult:
        result: CallToolResult = self.portal.call(self.client.call_tool, name, arguments)
        return result

    def get(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What a tool gives to programs."""
        result = self.call(name, **arguments)
        assert not result.is_error, text(result)
        content: dict[str, Any] = result.structured_content
        return content

    def error(self, name: str, **arguments: Any) -> str:
        result = self.call(name, **arguments)
        assert result.is_error
        return text(result)


def text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all that the server has written to its standard output."""
    return tmp_path_factory.mktemp("mcp") / "stdout"


@pytest.fixture(scope="module")
def agent(portal: BlockingPortal, environment: Environment, written: Path) -> Iterator[Agent]:
    """Starts the server as clients do, and talks to it over standard input and output."""
    server = StdioServerParameters(
        command="sh", args=["-c", f"'{COMMAND}' mcp | tee '{written}'"], env=environment
    )
    with portal.wrap_async_context_manager(Client(server)) as client:
        yield Agent(portal, client)


def test_the_tools_say_what_they_take_and_give(agent: Agent) -> None:
    tools = agent.tools()
    assert list(tools) == ["ask", "search_passages", "list_documents", "read_document"]
    for tool in tools.values():
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.annotations.idempotent_hint
        assert tool.annotations.open_world_hint is False
        assert tool.input_schema["additionalProperties"] is False
    schema = tools["ask"].output_schema
    assert schema is not None
    assert set(schema["properties"]) == set(Answer.model_fields)
    assert "exact slice" in (tools["ask"].description or "")
    assert "Never\nfill the gap" in (tools["ask"].description or "")
    assert "answered" in (agent.client.instructions or "")


def test_a_citation_is_followed_to_exactly_its_quote(agent: Agent) -> None:
    result = agent.call("ask", question=QUESTION)
    answer = Answer.model_validate(result.structured_content)
    assert answer.answered
    assert answer.short_answer == "plus de 1 600 personnes"
    for citation in answer.citations:
        place = {key: getattr(citation, key) for key in ("document_id", "start", "end")}
        read = agent.call("read_document", **place)
        assert read.structured_content is not None
        assert read.structured_content["text"] == citation.quote
        assert read.structured_content["index_version"] == answer.index_version
        # Clients that know text alone get as much.
        assert isinstance(read.content[-1], TextContent)
        assert read.content[-1].text == citation.quote
        assert f"[{citation.marker}]" in text(result)
        told = ", ".join(f"{key}: {value}" for key, value in place.items())
        assert told in text(result)
        assert citation.quote in text(result)


def test_what_the_documents_do_not_answer_is_said_to_be_so(agent: Agent) -> None:
    result = agent.call("ask", question="Who won the 1998 football World Cup?")
    answer = Answer.model_validate(result.structured_content)
    assert not answer.answered
    assert not answer.citations
    assert text(result).startswith("answered: false")
    assert "do not fill the gap" in text(result)


def test_a_follow_up_is_understood_after_what_was_asked_before(agent: Agent) -> None:
    before = "Combien de start-up sont hébergées à PariSanté Campus ?"
    question = "Quel pourcentage d’entre elles travaille sur l’IA ?"
    answer = agent.get("ask", question=question, history=[{"question": before}])
    assert answer["understood_as"] == f"{before} {question}"


def test_passages_are_searched_as_asked(agent: Agent) -> None:
    result = agent.call("search_passages", query="entrepôts de données", top_k=2, mode="lexical")
    found = SearchResult.model_validate(result.structured_content)
    assert len(found.passages) == 2
    for passage in found.passages:
        read = agent.get(
            "read_document",
            document_id=passage.document_id,
            start=passage.start,
            end=passage.end,
        )
        assert read["text"] == passage.text
        assert passage.text in text(result)
    filtered = agent.get("search_passages", query="données", filters={"language": "en"})
    assert filtered["passages"] == []


def test_documents_are_listed_and_read(agent: Agent, interview: Document) -> None:
    listed = agent.get("list_documents")
    assert [entry["id"] for entry in listed["documents"]] == [interview.id]
    assert (listed["total"], listed["next_start"]) == (1, None)
    read = agent.get("read_document", document_id=interview.id)
    assert read["text"] == interview.text[:MOST_READ]
    assert read["characters"] == len(interview.text)


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("ask", {"question": " "}, "there is no text in it"),
        ("ask", {"question": "a" * 2001}, "at most 2000 characters"),
        ("ask", {"question": QUESTION, "filter": {"language": "fr"}}, "filter\n"),
        ("ask", {"question": QUESTION, "filters": {"colour": "red"}}, "no document has the field"),
        ("ask", {"question": QUESTION, "mode": "generative"}, "no LLM is configured"),
        ("ask", {"question": QUESTION, "history": [{"answer": "yes"}]}, "question\n"),
        ("search_passages", {"query": QUESTION, "top_k": 51}, "less than or equal to 50"),
        ("search_passages", {"query": QUESTION, "mode": "best"}, "'hybrid', 'dense' or 'lexical'"),
        ("read_document", {"document_id": "nothing"}, "`list_documents` tells"),
        ("list_documents", {"start": -1}, "greater than or equal to 0"),
    ],
)
def test_what_is_wrong_is_told(
    agent: Agent, tool: str, arguments: dict[str, Any], message: str
) -> None:
    assert message in agent.error(tool, **arguments)


def test_a_slice_that_there_is_not_is_told(agent: Agent, interview: Document) -> None:
    length = len(interview.text)
    for start, end in ((5, 4), (0, length + 1), (length + 1, None)):
        error = agent.error("read_document", document_id=interview.id, start=start, end=end)
        assert f"the text has {length} characters" in error


def test_the_protocol_goes_on_while_a_question_is_answered(
    agent: Agent, interview: Document
) -> None:
    asked = agent.portal.start_task_soon(agent.client.call_tool, "ask", {"question": QUESTION})
    agent.get("read_document", document_id=interview.id, end=10)
    assert not asked.done()
    assert not asked.result().is_error


def test_nothing_but_the_protocol_is_on_standard_output(agent: Agent, written: Path) -> None:
    agent.get("list_documents")
    lines = written.read_text(encoding="utf-8").splitlines()
    assert lines
    for line in lines:
        assert json.loads(line)["jsonrpc"] == "2.0"


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def url(environment: Environment, empty_home: Path) -> Iterator[str]:
    """A server that listens, started before there is an index."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [COMMAND, "mcp", "--http", "--port", str(port)],
        env={**environment, "CAMPUS_QA_HOME": str(empty_home)},
    )

    def listens() -> bool:
        assert process.poll() is None, "the server ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_for(listens)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_over_http_it_moves_to_each_new_index_by_itself(
    portal: BlockingPortal, url: str, empty_home: Path, embedder: Embedder
) -> None:
    store = SnapshotStore(empty_home / "index")
    rooms = [document(f"room-{i:03}", f"La salle {i} a {i + 7} places.") for i in range(100)]
    library = document("library", "La bibliothèque du campus compte 1 000 livres.")
    # Code points that are two units in UTF-16, so that counting anything else would show.
    long = document("zz-long", "🎓 Le campus ouvre à neuf heures.\n\n" * 700)
    with portal.wrap_async_context_manager(Client(url)) as client:
        agent = Agent(portal, client)
        for tool, arguments in (("ask", {"question": QUESTION}), ("list_documents", {})):
            error = agent.error(tool, **arguments)
            assert "campus-qa index build" in error
            assert str(empty_home) in error

        first = build_snapshot([*rooms, library, long], embedder, store, CHUNKING).manifest.version
        wait_for(lambda: not agent.call("list_documents").is_error)
        listed = agent.get("list_documents")
        assert listed["index_version"] == first
        assert (len(listed["documents"]), listed["total"]) == (MOST_LISTED, 102)
        rest = agent.get("list_documents", start=listed["next_start"])
        assert [entry["id"] for entry in rest["documents"]] == ["room-099", "zz-long"]
        assert rest["next_start"] is None

        read = agent.get("read_document", document_id=long.id)
        assert read["end"] == read["next_start"] == MOST_READ
        last = agent.get("read_document", document_id=long.id, start=read["next_start"])
        assert last["next_start"] is None
        assert read["text"] + last["text"] == long.text
        answer = agent.get("ask", question="Combien de livres compte la bibliothèque du campus ?")
        assert [citation["quote"] for citation in answer["citations"]] == [library.text]

        second = build_snapshot(rooms[:3], embedder, store, CHUNKING).manifest.version
        wait_for(lambda: agent.get("list_documents")["index_version"] == second)
        assert "there is no document" in agent.error("read_document", document_id=long.id)


def test_web_pages_of_others_are_kept_out(url: str) -> None:
    """A page whose host name was made to point to this machine (DNS rebinding)."""
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    for headers, status in (
        ({"host": "evil.example"}, 421),
        ({"origin": "http://evil.example"}, 403),
    ):
        response = httpx.post(url, json=request, headers={**accept, **headers})
        assert response.status_code == status


def connect(url: str, **headers: str) -> Client:
    http_client = httpx2.AsyncClient(headers=headers)
    return Client(streamable_http_client(f"{url}/mcp", http_client=http_client))


def test_over_http_it_needs_a_key_as_soon_as_there_is_one(
    portal: BlockingPortal, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)

    def lists_tools(**headers: str) -> bool:
        with portal.wrap_async_context_manager(connect(address, **headers)) as client:
            return "ask" in Agent(portal, client).tools()

    with serve(create_service(settings, "127.0.0.1")) as address:
        assert lists_tools()
        _, key = settings.keys.create("agent", [Scope.ASK])
        refused = httpx.post(f"{address}/mcp", headers={"authorization": "Bearer made up"})
        assert_problem(refused, 401)
        assert refused.headers["www-authenticate"] == "Bearer"
        with pytest.raises(ExceptionGroup):
            lists_tools()
        assert lists_tools(authorization=f"Bearer {key}")
        assert lists_tools(**{"x-api-key": key})
        settings.keys.revoke("agent", may_open=True)
        assert lists_tools()
