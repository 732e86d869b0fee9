"""The service as OpenAI's own client sees it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam

from api.http import create_app
from api.http_openai import encode_chunks, list_sources
from api.keys import KeyStore, Scope
from api.limits import MAX_BODY
from api.openai_schemas import ChatChunk, ChatRequest, strip_citations
from api.schemas import MAX_ANSWER, MAX_HISTORY, MAX_QUESTION
from api.settings import Settings
from qa import Answer, Answerer, Turn
from tests.api.conftest import Environment, Server, serve
from tests.api.test_http import assert_problem
from tests.scripted_llm import scripted_llm

QUESTION = "Combien de personnes travaillent à PariSanté Campus ?"
IN_ENGLISH = "When was the first site opened?"
OFF_TOPIC = "Comment réussir une pâte à crêpes ?"
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}

Complete = Callable[[str], ChatCompletion]


def connect(client: httpx.Client) -> openai.OpenAI:
    return connect_to(str(client.base_url))


def connect_to(url: str, retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="whatever", max_retries=retries)


@pytest.fixture(scope="module")
def chat(client: httpx.Client) -> openai.OpenAI:
    return connect(client)


@pytest.fixture(scope="module")
def complete(chat: openai.OpenAI) -> Complete:
    """An answer of the service, asked for once."""
    return cache(
        lambda question: chat.chat.completions.create(model="campus-qa", messages=asks(question))
    )


@pytest.fixture(scope="module")
def ask(answerer: Answerer) -> Callable[[str], Answer]:
    """What the library answers, asked for once."""
    return cache(answerer.ask)


def asks(question: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": question}]


def whole_answer(told: ChatCompletion | ChatCompletionChunk) -> Answer:
    assert told.model_extra is not None
    return Answer.model_validate(told.model_extra["campus_qa"])


def said(completion: ChatCompletion) -> str:
    content = completion.choices[0].message.content
    assert content is not None
    return content


def assert_same(answer: Answer, expected: Answer) -> None:
    assert answer.model_copy(update={"timings_ms": expected.timings_ms}) == expected


def test_models(chat: openai.OpenAI) -> None:
    models = list(chat.models.list())
    assert [model.id for model in models] == ["campus-qa", "campus-qa-extractive"]
    assert {model.object for model in models} == {"model"}
    assert chat.models.retrieve("campus-qa-extractive") == models[1]


@pytest.mark.parametrize("name", ["gpt-4o", "org/model", "campus-qa-generative"])
def test_another_model_is_not_found(chat: openai.OpenAI, name: str) -> None:
    for fetch in (
        lambda: chat.models.retrieve(name),
        lambda: chat.chat.completions.create(model=name, messages=asks(QUESTION)),
        lambda: chat.chat.completions.create(model=name, messages=asks(QUESTION), stream=True),
    ):
        with pytest.raises(openai.NotFoundError, match=name) as caught:
            fetch()
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
        hint = "CAMPUS_QA_LLM_BASE_URL" if name == "campus-qa-generative" else "campus-qa,"
        assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("question", "header"), [(QUESTION, "Sources\u202f:"), (IN_ENGLISH, "Sources:")]
)
def test_an_answer_comes_with_its_sources(
    complete: Complete,
    client: httpx.Client,
    answerer: Answerer,
    ask: Callable[[str], Answer],
    question: str,
    header: str,
) -> None:
    completion = complete(question)
    expected = ask(question)
    assert expected.answered
    assert_same(whole_answer(completion), expected)
    text, listed = said(completion).split(f"\n\n{header}\n")
    assert text == expected.answer
    for citation, line in zip(expected.citations, listed.split("\n"), strict=True):
        assert line == (
            f"- [{citation.marker}] {citation.title}, {citation.heading} — {citation.source}"
        )
    (choice,) = completion.choices
    annotations = choice.message.annotations or []
    assert len(annotations) == len(re.findall(r"\[\d+\]", text)) > 0
    for annotation in annotations:
        place = annotation.url_citation
        marker = re.fullmatch(r"\[(\d+)\]", said(completion)[place.start_index : place.end_index])
        assert marker is not None
        citation = expected.citations[int(marker[1]) - 1]
        assert place.title == citation.title
        assert place.url.startswith(str(client.base_url))
        assert httpx.get(place.url).text == citation.quote
    assert choice.finish_reason == "stop"
    assert completion.object == "chat.completion"
    assert completion.model == "campus-qa"
    assert completion.system_fingerprint == expected.index_version
    assert completion.usage is not None
    counted = [completion.usage.prompt_tokens, completion.usage.completion_tokens]
    assert counted == answerer.count_tokens([question, said(completion)])


@pytest.mark.parametrize("question", [QUESTION, OFF_TOPIC])
def test_a_stream_adds_up_to_the_answer(
    chat: openai.OpenAI, complete: Complete, question: str
) -> None:
    whole = complete(question)
    chunks = list(
        chat.chat.completions.create(
            model="campus-qa",
            messages=asks(question),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert {(chunk.model, chunk.system_fingerprint) for chunk in chunks} == {
        (whole.model, whole.system_fingerprint)
    }
    (name,) = {chunk.id for chunk in chunks}
    assert name.startswith("chatcmpl-")
    assert name != whole.id
    *spoken, finish, usage = chunks
    assert (usage.choices, usage.usage) == ([], whole.usage)
    assert_same(whole_answer(finish), whole_answer(whole))
    assert finish.choices[0].finish_reason == "stop"
    assert {chunk.choices[0].finish_reason for chunk in spoken} == {None}
    deltas = [chunk.choices[0].delta for chunk in spoken]
    assert [delta.role for delta in deltas] == ["assistant", *[None] * (len(deltas) - 1)]
    assert "".join(delta.content or "" for delta in deltas) == said(whole)
    annotations = (deltas[-1].model_extra or {}).get("annotations", [])
    expected = whole.choices[0].message.annotations or []
    assert annotations == [annotation.model_dump() for annotation in expected]
    assert bool(annotations) == (question == QUESTION)


def test_the_client_puts_a_stream_together(chat: openai.OpenAI, complete: Complete) -> None:
    whole = complete(QUESTION)
    with chat.chat.completions.stream(model="campus-qa", messages=asks(QUESTION)) as stream:
        streamed = stream.get_final_completion().choices[0].message
    assert streamed.content == said(whole)
    assert streamed.annotations == whole.choices[0].message.annotations


def test_the_asynchronous_client(client: httpx.Client, complete: Complete) -> None:
    async def converse() -> tuple[ChatCompletion, str]:
        url = f"{client.base_url}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="whatever", max_retries=0) as chat:
            whole = await chat.chat.completions.create(model="campus-qa", messages=asks(QUESTION))
            stream = await chat.chat.completions.create(
                model="campus-qa", messages=asks(QUESTION), stream=True
            )
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return whole, "".join(pieces)

    whole, streamed = asyncio.run(converse())
    assert streamed == said(whole) == said(complete(QUESTION))
    assert whole.id != complete(QUESTION).id


def test_a_conversation_goes_on(chat: openai.OpenAI, complete: Complete) -> None:
    before = "Combien de start-up sont hébergées à PariSanté Campus ?"
    follow_up = "Quel pourcentage d’entre elles travaille sur l’IA ?"
    conversation: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "Tu parles comme un pirate."},
        {"role": "user", "content": [{"type": "text", "text": before}]},
        {"role": "assistant", "content": said(complete(before))},
        {"role": "user", "content": [{"type": "text", "text": follow_up}]},
    ]
    answer = whole_answer(chat.chat.completions.create(model="campus-qa", messages=conversation))
    assert answer.question == follow_up
    assert answer.understood_as == f"{before} {follow_up}"
    assert answer.short_answer == "55 %"


def test_a_refusal_has_no_sources(complete: Complete, ask: Callable[[str], Answer]) -> None:
    completion = complete(OFF_TOPIC)
    assert not whole_answer(completion).answered
    assert said(completion) == ask(OFF_TOPIC).answer
    assert completion.choices[0].message.annotations == []
    assert completion.choices[0].finish_reason == "stop"


def test_what_means_nothing_here_is_ignored(chat: openai.OpenAI, complete: Complete) -> None:
    completion = chat.chat.completions.create(
        model="campus-qa-extractive",
        messages=asks(QUESTION),
        temperature=1.5,
        max_tokens=3,
        n=1,
        user="someone",
        seed=1,
        tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
        tool_choice="auto",
        response_format={"type": "text"},
        extra_body={"chat_id": "7"},
    )
    assert completion.model == "campus-qa-extractive"
    assert said(completion) == said(complete(QUESTION))


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        ({"messages": []}, "messages", "none of the user"),
        ({"messages": [{"role": "system", "content": "Hi"}]}, "messages", "none of the user"),
        ({"messages": asks(" ")}, "messages", "no text"),
        ({"messages": [{"role": "user", "content": None}]}, "messages", "no text"),
        ({"messages": asks("x" * (MAX_QUESTION + 1))}, "messages", str(MAX_QUESTION)),
        ({"messages": [PICTURE]}, "messages.0.content", "image_url"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages.0.content", "type: text"),
        ({"messages": [{"role": "nobody", "content": "Hi"}]}, "messages.0.role", "'user'"),
        ({"n": 2}, "n", "one answer"),
        ({"n": "1"}, "n", "integer"),
        ({"stream": 1}, "stream", "boolean"),
        ({"response_format": {"type": "json_object"}}, "response_format", "POST /ask"),
        ({"tool_choice": "required"}, "tool_choice", "tool"),
    ],
)
def test_what_cannot_be_done_is_told(
    chat: openai.OpenAI, client: httpx.Client, wrong: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        chat.chat.completions.create(
            model="campus-qa", messages=asks(QUESTION), stream=True, extra_body=wrong
        )
    assert caught.value.param == field
    assert caught.value.type == "invalid_request_error"
    assert message in caught.value.message
    body = {"model": "campus-qa", "messages": asks(QUESTION), **wrong}
    problem = assert_problem(client.post("/v1/chat/completions", json=body), 400)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert message in problem["error"]["message"]


@pytest.mark.parametrize(
    "message",
    [
        rb'{"role": "assistant", "content": "\ud800"}',
        rb'{"role": "user", "content": [{"type": "\ud800"}]}',
    ],
)
def test_half_a_surrogate_pair_is_told(client: httpx.Client, message: bytes) -> None:
    messages = b'{"model": "campus-qa", "messages": [%s, {"role": "user", "content": "Qui ?"}]}'
    headers = {"content-type": "application/json"}
    response = client.post("/v1/chat/completions", content=messages % message, headers=headers)
    assert assert_problem(response, 400)["errors"][0]["field"] == "messages.0.content"


def test_what_is_no_json_is_told(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    for content, status in ((b"{", 400), (b"\xff", 400), (b"x" * 2_000_000, 413)):
        response = client.post("/v1/chat/completions", content=content, headers=headers)
        assert_problem(response, status)


def test_the_stream_as_it_is_sent(client: httpx.Client) -> None:
    body = {"model": "campus-qa", "messages": asks(QUESTION), "stream": True}
    response = client.post("/v1/chat/completions", json=body)
    assert response.headers["content-type"].startswith("text/event-stream")
    *events, done, rest = response.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-1]["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert not any("usage" in chunk for chunk in chunks)


def test_a_stream_that_is_cut_leaves_the_service_as_it_was(
    client: httpx.Client, chat: openai.OpenAI
) -> None:
    stream = chat.chat.completions.create(model="campus-qa", messages=asks(QUESTION), stream=True)
    assert next(stream).choices[0].delta.role == "assistant"
    stream.close()
    body = {"model": "campus-qa", "messages": asks(QUESTION), "stream": True}
    assert client.post("/v1/chat/completions", json=body).text.endswith("data: [DONE]\n\n")


def test_the_example_of_the_documentation_works(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()["components"]["schemas"]["ChatRequest"]
    for example in schema["examples"]:
        told = client.post("/v1/chat/completions", json=example).json()
        assert told["campus_qa"]["answered"]


def test_with_an_llm_it_can_be_chosen(
    start_server: Callable[..., Server], environment: Environment
) -> None:
    with scripted_llm("") as llm:
        settings = {"CAMPUS_QA_LLM_BASE_URL": llm.url, "CAMPUS_QA_LLM_MODEL": "scripted"}
        client = start_server({**environment, **settings}).client
        chat = connect(client)
        names = [model.id for model in chat.models.list()]
        assert names == ["campus-qa", "campus-qa-extractive", "campus-qa-generative"]
        passages = client.post("/search", json={"query": QUESTION}).json()["passages"]
        place = next(n for n, p in enumerate(passages, 1) if "600 personnes" in p["text"])
        llm.replies[0] = f"PariSanté Campus réunit plus de 1 600 personnes [{place}]."
        for name, mode in zip(names, ("generative", "extractive", "generative"), strict=True):
            completion = chat.chat.completions.create(model=name, messages=asks(QUESTION))
            assert whole_answer(completion).mode == mode
            assert completion.model == name
        assert len(llm.requests) == 2
        stream = chat.chat.completions.create(
            model="campus-qa", messages=asks(QUESTION), stream=True
        )
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert streamed == said(completion)
        assert streamed.startswith("PariSanté Campus réunit plus de 1 600 personnes. [1]\n\n")


def test_without_an_index_it_says_so(
    start_server: Callable[..., Server], environment: Environment, tmp_path: Path
) -> None:
    chat = connect(start_server({**environment, "CAMPUS_QA_HOME": str(tmp_path)}).client)
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError, match="campus-qa index build") as caught:
            chat.chat.completions.create(model="campus-qa", messages=asks(QUESTION), stream=stream)
        assert caught.value.status_code == 503
        assert caught.value.type == "server_error"


def test_what_is_refused_on_the_way_is_told_too(tmp_path: Path) -> None:
    """By whatever stands before the routes, or finds none."""
    app = create_app(Settings(home=tmp_path))

    @app.get("/v1/broken")
    def broken() -> None:
        raise RuntimeError("as it was meant to")

    with serve(app) as url:
        chat = connect_to(url)

        def get(path: str) -> Callable[[], object]:
            return lambda: chat.get(path, cast_to=object)

        chats = "/chat/completions"
        refused(openai.NotFoundError, 404, get("/nothing"))
        not_allowed = refused(openai.APIStatusError, 405, get(chats))
        assert not_allowed.response.headers["allow"] == "POST"
        large = {"model": "x" * MAX_BODY}
        refused(openai.APIStatusError, 413, lambda: chat.post(chats, cast_to=object, body=large))
        failed = refused(openai.InternalServerError, 500, get("/broken"))
        assert failed.request_id
        KeyStore(tmp_path / "keys.json").create("asks", [Scope.ASK])
        unknown = refused(openai.AuthenticationError, 401, get("/models"), "invalid_api_key")
        assert unknown.response.headers["www-authenticate"] == "Bearer"
        assert "error" not in assert_problem(httpx.get(f"{url}/documents"), 401)


def test_who_sends_too_much_is_told_and_waits(tmp_path: Path) -> None:
    with serve(create_app(Settings(home=tmp_path, rate_limit=1))) as url:
        httpx.get(f"{url}/jobs")
        models = connect_to(url).models
        limited = refused(openai.RateLimitError, 429, models.list, "rate_limit_exceeded")
        assert 0 < int(limited.response.headers["retry-after"]) <= 60
    with (
        serve(create_app(Settings(home=tmp_path, rate_limit=20))) as url,
        httpx.Client(base_url=url) as client,
    ):
        models = connect_to(url, retries=1).models
        while client.get("/jobs").status_code != 429:
            pass
        # Without `Retry-After` the client waits for half a second, and is refused again.
        with pytest.raises(openai.InternalServerError, match="There is no index"):
            models.list()


def refused(
    kind: type[openai.APIStatusError],
    status: int,
    request: Callable[[], object],
    code: str | None = None,
) -> openai.APIStatusError:
    """The client's error, which has what the problem details say."""
    with pytest.raises(kind) as caught:
        request()
    problem = assert_problem(caught.value.response, status)
    assert caught.value.body == problem["error"]
    assert problem["error"]["message"] == problem["detail"]
    assert (caught.value.code, caught.value.param) == (code, None)
    return caught.value


def test_the_history_is_what_was_asked_and_answered_before() -> None:
    def history(*messages: tuple[str, str | None]) -> list[Turn]:
        conversation = [{"role": role, "content": content} for role, content in messages]
        body = {"model": "campus-qa", "messages": conversation}
        return ChatRequest.model_validate(body).history

    assert history(("user", "A?")) == []
    assert history(
        ("assistant", "Hello!"),
        ("user", "A?"),
        ("assistant", "One. [1] Two. [2]\n\nSources:\n- [1] T — s\n- [2] T, H (page 3) — s\n"),
        ("user", "x" * (MAX_QUESTION + 1)),
        ("assistant", "Too long."),
        ("user", "B?"),
        ("user", "C?"),
        ("assistant", None),
        ("tool", "17"),
        ("assistant", "z" * (MAX_ANSWER + 1)),
        ("user", "D?"),
        ("assistant", "It begins"),
    ) == [
        Turn(question="A?", answer="One. Two."),
        Turn(question="B?"),
        Turn(question="C?", answer="\n" + "z" * (MAX_ANSWER - 1)),
    ]
    long = history(*[("user", f"{n}?") for n in range(MAX_HISTORY + 10)])
    assert [turn.question for turn in long] == [f"{n}?" for n in range(9, MAX_HISTORY + 9)]


def test_what_was_added_to_an_answer_can_be_taken_off_again(ask: Callable[[str], Answer]) -> None:
    for question in (QUESTION, IN_ENGLISH):
        answer = ask(question)
        bare = re.sub(r" \[\d+\]", "", answer.answer)
        assert strip_citations(answer.answer + list_sources(answer)) == bare != answer.answer
    for text in ("Sources:\nnone", "A.\n\nSources:\nthe river Oise", "\n" * 100_000, ""):
        assert strip_citations(text) == text


def test_a_source_is_one_line(ask: Callable[[str], Answer]) -> None:
    answer = ask(QUESTION)
    update = {"title": "A\nB", "heading": "", "page": 7, "source": "s"}
    citation = answer.citations[0].model_copy(update=update)
    listed = list_sources(answer.model_copy(update={"citations": (citation,)}))
    assert listed == "\n\nSources\u202f:\n- [1] A B (page 7) — s"


def test_a_failure_ends_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    head = {"id": "1", "created": 1, "model": "campus-qa", "system_fingerprint": "1"}
    made: list[dict[str, Any]] = [{**head, "object": "chat.completion.chunk", "choices": []}, {}]
    content = b"".join(encode_chunks(ChatChunk.model_validate(chunk) for chunk in made))
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=content))
    chat = openai.OpenAI(
        base_url="http://service/v1", api_key="any", http_client=httpx.Client(transport=transport)
    )
    stream = chat.chat.completions.create(model="campus-qa", messages=asks("A?"), stream=True)
    assert next(stream).id == "1"
    with pytest.raises(openai.APIError, match="The service failed; its log tells the reason"):
        next(stream)
    assert "ValidationError" in caplog.text
