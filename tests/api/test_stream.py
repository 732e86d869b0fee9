from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import httpx
import pytest

from qa import Answer, Answerer
from tests.api.test_http import assert_problem

QUESTION = "Combien de personnes travaillent à PariSanté Campus ?"
OFF_TOPIC = "Comment réussir une pâte à crêpes ?"

Events = list[tuple[str, dict[str, Any]]]


def parse(text: str) -> Events:
    """Events as the HTML standard has them: fields on lines, a blank line after each event."""
    events = []
    for block in text.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        events.append((fields["event"], json.loads(fields["data"])))
    return events


@pytest.mark.parametrize("question", [QUESTION, OFF_TOPIC])
@pytest.mark.parametrize("by_header", [False, True])
def test_an_answer_streams_in_as_it_would_come_whole(
    client: httpx.Client, answerer: Answerer, question: str, by_header: bool
) -> None:
    body: dict[str, Any] = {"question": question, "top_k": 3}
    headers = {"Accept": "application/json, text/event-stream"} if by_header else {}
    response = client.post(
        "/ask", json=body if by_header else {**body, "stream": True}, headers=headers
    )
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in response.headers
    events = parse(response.text)
    names = [name for name, _ in events]
    assert names == ["passages", *["token"] * (len(names) - 2), "answer"]
    assert len(names) > 2
    answer = Answer.model_validate(events[-1][1])
    expected = answerer.ask(question, top_k=3)
    assert answer.model_copy(update={"timings_ms": expected.timings_ms}) == expected
    assert events[0][1]["passages"] == events[-1][1]["passages"]
    assert "".join(data["text"] for name, data in events if name == "token") == answer.answer


def test_what_is_wrong_with_a_question_is_told_before_the_stream(client: httpx.Client) -> None:
    for wrong in ({"mode": "generative"}, {"filters": {"colour": "red"}}, {"question": " "}):
        response = client.post("/ask", json={"question": QUESTION, "stream": True, **wrong})
        assert_problem(response, 422)


def test_a_stream_that_is_cut_leaves_the_service_as_it_was(client: httpx.Client) -> None:
    body = {"question": QUESTION, "stream": True}
    for _ in range(3):
        with client.stream("POST", "/ask", json=body) as response:
            assert next(response.iter_lines()) == "event: passages"
    assert client.post("/ask", json=body).text.endswith("}\n\n")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_shows_a_stream(client: httpx.Client) -> None:
    command = [
        *("curl", "--silent", "--no-buffer", f"{client.base_url}/ask"),
        *("--header", "content-type: application/json"),
        *("--data", json.dumps({"question": QUESTION, "stream": True})),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert parse(shown.stdout)[-1][0] == "answer"


def test_every_response_names_its_request(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "mine-7"}).headers["x-request-id"] == (
        "mine-7"
    )
    made = [
        client.get(path, headers={"X-Request-ID": "not sound\t{}"}).headers["x-request-id"]
        for path in ("/healthz", "/nowhere", "/documents/none")
    ]
    assert len(set(made)) == 3
    assert all(len(name) == 32 for name in made)


def test_documents_are_not_sent_again_unchanged(client: httpx.Client) -> None:
    (document,) = client.get("/documents").json()["documents"]
    one = f"/documents/{document['id']}"
    for path in ("/documents", one, f"{one}/text", f"{one}/text?start=0&end=2000"):
        first = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert first.status_code == 200
        tag = first.headers["etag"]
        again = client.get(path, headers={"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get(f"{one}/text?end=7").headers["etag"] != tag


def test_what_is_long_is_compressed(client: httpx.Client) -> None:
    (document,) = client.get("/documents").json()["documents"]
    path = f"/documents/{document['id']}/text"
    for accepted, encoding in (("gzip", "gzip"), ("identity", None)):
        response = client.get(path, headers={"Accept-Encoding": accepted})
        assert response.headers.get("content-encoding") == encoding


def test_other_sites_may_not_ask_unless_configured(client: httpx.Client) -> None:
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    for response in (
        client.options("/ask", headers=headers),
        client.get("/healthz", headers=headers),
    ):
        assert "access-control-allow-origin" not in response.headers
