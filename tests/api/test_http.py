from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from corpus import Document
from evals import load_question_set
from qa import Answer, Answerer, SearchResult, Turn
from tests.api.conftest import Environment, Server
from tests.conftest import QUESTIONS
from tests.scripted_llm import fails, scripted_llm

QUESTION = "Combien de personnes travaillent à PariSanté Campus ?"


def test_ask_answers_as_the_library_does(client: httpx.Client, answerer: Answerer) -> None:
    response = client.post("/ask", json={"question": QUESTION})
    assert response.status_code == 200
    answer = Answer.model_validate(response.json())
    expected = answerer.ask(QUESTION)
    assert answer.model_copy(update={"timings_ms": expected.timings_ms}) == expected
    assert answer.answered
    assert answer.timings_ms.total > answer.timings_ms.rerank > 0


def test_a_citation_can_be_followed_to_its_document(
    client: httpx.Client, interview: Document
) -> None:
    for question in load_question_set(QUESTIONS).questions[::3]:
        answer = client.post("/ask", json={"question": question.question}).json()
        for citation in answer["citations"]:
            place = {"start": citation["start"], "end": citation["end"]}
            text = client.get(f"/documents/{citation['document_id']}/text", params=place)
            assert text.text == citation["quote"]
            assert text.text == interview.text[citation["start"] : citation["end"]]


def test_top_k_is_honoured(client: httpx.Client) -> None:
    for k in (1, 7):
        body = {"question": QUESTION, "top_k": k, "mode": "extractive"}
        assert len(client.post("/ask", json=body).json()["passages"]) == k
    assert len(client.post("/ask", json={"question": QUESTION}).json()["passages"]) == 5


def test_a_follow_up_is_understood_with_its_history(
    client: httpx.Client, answerer: Answerer
) -> None:
    before = "Quelle surface fera le Val-de-Grâce une fois réhabilité ?"
    turns = [{"question": before, "answer": "Plus de 70 000 m²."}]
    body = {"question": "Et en mètres carrés ?", "history": turns}
    answer = Answer.model_validate(client.post("/ask", json=body).json())
    expected = answerer.ask("Et en mètres carrés ?", history=[Turn(question=before)])
    assert answer.answer == expected.answer
    assert answer.understood_as == expected.understood_as


def test_without_an_llm_there_is_no_generative_answer(client: httpx.Client) -> None:
    response = client.post("/ask", json={"question": QUESTION, "mode": "generative"})
    problem = assert_problem(response, 422)
    assert [error["field"] for error in problem["errors"]] == ["mode"]
    assert "CAMPUS_QA_LLM_BASE_URL" in problem["errors"][0]["message"]


def test_with_an_llm_it_words_the_answers(environment: Environment, interview: Document) -> None:
    with scripted_llm("PariSanté Campus réunit plus de 1 600 personnes [1].", fails(500)) as llm:
        settings = {"CAMPUS_QA_LLM_BASE_URL": llm.url, "CAMPUS_QA_LLM_MODEL": "scripted"}
        server = Server({**environment, **settings})
        try:
            passages = server.client.post("/search", json={"query": QUESTION}).json()["passages"]
            place = next(n for n, p in enumerate(passages, 1) if "600 personnes" in p["text"])
            llm.replies[0] = f"PariSanté Campus réunit plus de 1 600 personnes [{place}]."
            answer = server.client.post("/ask", json={"question": QUESTION}).json()
            assert (answer["mode"], answer["model"]) == ("generative", "scripted")
            (citation,) = answer["citations"]
            assert interview.text[citation["start"] : citation["end"]] == citation["quote"]
            answer = server.client.post("/ask", json={"question": QUESTION}).json()
            assert (answer["mode"], answer["fallback"]) == (
                "extractive",
                "the LLM failed: InternalServerError",
            )
            body = {"question": QUESTION, "mode": "extractive"}
            answer = server.client.post("/ask", json=body).json()
            assert (answer["mode"], answer["fallback"]) == ("extractive", None)
            assert len(llm.requests) == 2
        finally:
            server.stop()


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_search(client: httpx.Client, answerer: Answerer, mode: str) -> None:
    body = {"query": "entrepôts de données de santé", "top_k": 3, "mode": mode}
    response = client.post("/search", json=body)
    assert response.status_code == 200
    result = SearchResult.model_validate(response.json())
    expected = answerer.search(body["query"], 3, mode)  # type: ignore[arg-type]
    assert result.passages == expected.passages
    assert len(result.passages) == 3


def test_filters_say_which_documents_count(client: httpx.Client, interview: Document) -> None:
    question = "Combien de personnes travaillent à PariSanté Campus ?"
    for route, text in (("/ask", "question"), ("/search", "query")):
        for filters, found in (
            ({"language": "fr", "date": {"from": "2024"}}, True),
            ({"document_id": ["other", interview.id]}, True),
            ({"date": {"to": "2024-12-31"}}, False),
        ):
            response = client.post(route, json={text: question, "filters": filters})
            assert response.status_code == 200
            assert bool(response.json()["passages"]) == found


def test_documents(client: httpx.Client, interview: Document) -> None:
    listed = client.get("/documents").json()
    assert [entry["id"] for entry in listed["documents"]] == [interview.id]
    one = client.get(f"/documents/{interview.id}").json()
    assert {**listed["documents"][0], "headings": one["headings"], "gaps": []} == one
    assert one["headings"][0]["text"] == interview.title
    assert one["pages"] is None
    assert one["title"] == interview.title
    assert one["characters"] == len(interview.text)
    assert one["metadata"]["date"] == "2025"
    assert client.get(f"/documents/{interview.id}/text").text == interview.text


def test_alive_and_ready(client: httpx.Client, answerer: Answerer) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = {"status": "ready", "index_version": answerer.snapshot.version}
    assert client.get("/readyz").json() == ready


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"]
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "question"),
        ({"question": ""}, "question"),
        ({"question": " \n\t"}, "question"),
        ({"question": "x" * 2001}, "question"),
        ({"question": 5}, "question"),
        ({"question": None}, "question"),
        ({"question": ["Qui ?"]}, "question"),
        ({"question": "Qui ?", "top_k": 0}, "top_k"),
        ({"question": "Qui ?", "top_k": 51}, "top_k"),
        ({"question": "Qui ?", "top_k": "5"}, "top_k"),
        ({"question": "Qui ?", "top_k": 2.5}, "top_k"),
        ({"question": "Qui ?", "mode": "magic"}, "mode"),
        ({"question": "Qui ?", "colour": "red"}, "colour"),
        ({"question": "Qui ?", "filters": {"date": {"since": "2024"}}}, "filters.date.range.since"),
        ({"question": "Qui ?", "filters": {"language": 3}}, "filters.language.range"),
        ({"question": "Qui ?", "filters": {"nonsense": "x"}}, "filters"),
        ([], "body"),
        ("Qui ?", "body"),
    ],
)
def test_bad_requests_name_the_field(client: httpx.Client, body: object, field: str) -> None:
    problem = assert_problem(client.post("/ask", json=body), 422)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert problem["errors"][0]["message"]


def test_what_is_not_json_is_a_problem(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    for content in (b"{", b"question=Qui", b"\xff\xfe"):
        assert_problem(client.post("/ask", content=content, headers=headers), 400)
    assert_problem(client.post("/ask", data={"question": "Qui ?"}), 415)
    assert_problem(client.post("/ask", content='{"question": "Qui ?"}'), 422)
    plain = {"content-type": "text/plain"}
    problem = assert_problem(client.post("/ask", content="{}", headers=plain), 415)
    assert "application/json" in problem["detail"]
    assert_problem(client.post("/ask"), 422)


def test_a_body_that_no_question_needs_is_a_problem(client: httpx.Client) -> None:
    body = b'{"question": "Qui ?", "history": "%s"}' % (b"x" * 2**20)
    headers = {"content-type": "application/json"}
    assert (
        "1 MB" in assert_problem(client.post("/ask", content=body, headers=headers), 413)["detail"]
    )
    pieces = (body[i : i + 2**16] for i in range(0, len(body), 2**16))
    assert_problem(client.post("/ask", content=pieces, headers=headers), 413)
    assert_problem(client.post("/nowhere", content=body, headers=headers), 413)


def test_half_a_surrogate_pair_is_a_problem(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    response = client.post("/ask", content=rb'{"question": "\ud800 ?"}', headers=headers)
    assert assert_problem(response, 422)["errors"][0]["field"] == "question"


@pytest.mark.parametrize("question", ["?", "🙂🙂", "\u0000", "\u202e", "x" * 2000, "' OR 1=1 --"])
def test_odd_questions_are_answered_or_refused(client: httpx.Client, question: str) -> None:
    assert client.post("/ask", json={"question": question}).status_code == 200


def test_a_whole_number_may_have_a_fraction_of_zero(client: httpx.Client) -> None:
    body = {"query": "PariSanté", "mode": "lexical", "top_k": 2.0}
    assert len(client.post("/search", json=body).json()["passages"]) == 2


def test_unknown_places_are_problems(client: httpx.Client, interview: Document) -> None:
    assert_problem(client.get("/nowhere"), 404)
    assert "nowhere" in assert_problem(client.get("/documents/nowhere"), 404)["detail"]
    assert_problem(client.get("/documents/nowhere/text"), 404)
    problem = client.get("/ask")
    assert_problem(problem, 405)
    assert problem.headers["allow"] == "POST"
    # Of two routes; and of one that answers two methods.
    url = f"/documents/{interview.id}"
    assert client.options(url).headers["allow"] == "GET, DELETE"
    assert client.put("/").headers["allow"] == "GET, HEAD"


def test_slices_outside_the_text_are_problems(client: httpx.Client, interview: Document) -> None:
    url = f"/documents/{interview.id}/text"
    length = len(interview.text)
    for start, end in ((5, 4), (0, length + 1), (length + 1, length + 1)):
        problem = assert_problem(client.get(url, params={"start": start, "end": end}), 422)
        assert problem["errors"][0]["field"] in ("start", "end")
    assert_problem(client.get(url, params={"start": -1}), 422)
    assert_problem(client.get(url, params={"start": "x"}), 422)
    assert client.get(url, params={"start": length}).text == ""


def test_many_at_once_get_the_same_answers(client: httpx.Client) -> None:
    asked = [question.question for question in load_question_set(QUESTIONS).questions][:4]

    def ask(question: str) -> str:
        return str(client.post("/ask", json={"question": question}).json()["answer"])

    alone = [ask(question) for question in asked]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, asked * 2)) == alone * 2


def test_the_documentation_needs_no_network(client: httpx.Client) -> None:
    page = client.get("/docs")
    links = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    assert len(links) == 3
    for link in links:
        assert httpx.URL(link).host in ("", client.base_url.host)
        assert client.get(link).status_code == 200


def test_the_openapi_document_tells_the_truth(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        "/ask",
        "/search",
        "/documents",
        "/documents/{document_id}",
        "/documents/{document_id}/text",
        "/index",
        "/index/rebuild",
        "/index/rollback",
        "/jobs",
        "/jobs/{job_id}",
        "/jobs/{job_id}/cancel",
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/chat/completions",
    }
    for path in schema["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                kinds = set(response.get("content", {}))
                assert kinds == {"application/problem+json"} or status in ("200", "202", "304")
    assert "HTTPValidationError" not in str(schema)
    for path in ("/ask", "/v1/chat/completions"):
        content = schema["paths"][path]["post"]["responses"]["200"]["content"]
        assert "data" in content["text/event-stream"]["itemSchema"]["required"]
    for path, method in (("/documents", "post"), ("/documents", "get"), ("/ask", "post")):
        needed = schema["paths"][path][method]["security"]
        assert needed == [{"HTTPBearer": []}, {"APIKeyHeader": []}, {}]
    assert "security" not in schema["paths"]["/readyz"]["get"]
    assert {"HTTPBearer", "APIKeyHeader"} == set(schema["components"]["securitySchemes"])


def test_without_an_index_it_lives_but_is_not_ready(
    start_server: Callable[..., Server], environment: Environment, tmp_path: Path
) -> None:
    client = start_server({**environment, "CAMPUS_QA_HOME": str(tmp_path)}).client
    assert client.get("/healthz").status_code == 200
    assert "campus-qa index build" in assert_problem(client.get("/readyz"), 503)["detail"]
    assert_problem(client.post("/ask", json={"question": QUESTION}), 503)
    assert_problem(client.get("/documents"), 503)
