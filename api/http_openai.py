"""The service as OpenAI's chat completions, for clients and front ends that speak these."""

from __future__ import annotations

import itertools
import json
import logging
import re
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.exceptions import HTTPException

from api.dependencies import Configured, Ready, Responses, problems
from api.events import HEADERS, describe_events
from api.metrics import observed
from api.openai_schemas import (
    Annotation,
    AssistantMessage,
    ChatChunk,
    ChatCompletion,
    ChatRequest,
    Choice,
    ChunkChoice,
    Delta,
    Model,
    ModelList,
    UrlCitation,
    Usage,
)
from api.problems import FAILED, Problem, openai_error
from corpus import Language
from qa import Answer, Answerer, AnswerMode, Citation, Retrieved, Said

MODELS: dict[str, AnswerMode | None] = {
    "campus-qa": None,
    "campus-qa-extractive": "extractive",
    "campus-qa-generative": "generative",
}
"""The models that clients choose from, and the modes of answering that they stand for."""

_LOGGER = logging.getLogger(__name__)
_MARKER = re.compile(r"\[(\d+)\]")
_SOURCES: dict[Language, str] = {"fr": "Sources\u202f:", "en": "Sources:"}
_ERRORS: Responses = {
    "4XX": {
        "model": Problem,
        "description": "What is wrong with the request. Besides the problem details there is an "
        "`error`, as OpenAI's clients expect it, with `message`, `type`, `param` and `code`.",
    },
    **problems(503),
}
_STREAM: Responses = {
    200: {
        "description": "The answer; with `stream`, events of type `chat.completion.chunk`, then "
        "`[DONE]`. If it fails on the way, the last is an `error`.",
        "content": describe_events(),
    }
}

router = APIRouter(prefix="/v1", tags=["OpenAI-compatible"])


@router.get("/models", responses=_ERRORS)
def list_models(answerer: Ready) -> ModelList:
    """List the ways to answer: the service's default, and those that can be chosen."""
    return ModelList(data=[_describe(name, answerer) for name in _available(answerer)])


@router.get("/models/{model:path}", responses=_ERRORS)
def get_model(model: str, answerer: Ready) -> Model:
    """Describe one way to answer."""
    _require(model, answerer)
    return _describe(model, answerer)


@router.post("/chat/completions", response_model=ChatCompletion, responses={**_STREAM, **_ERRORS})
def complete_chat(
    body: ChatRequest, request: Request, answerer: Ready, settings: Configured
) -> ChatCompletion | StreamingResponse:
    """Answer the last question of a conversation from the documents, with citations and a list of
    sources, or say that they do not answer.
    """
    _require(body.model, answerer)
    reply = _Reply(body, request, answerer)
    mode = MODELS[body.model]
    events = observed(
        request, answerer.stream(body.question, settings.top_k, history=body.history, mode=mode)
    )
    if not body.stream:
        (answer,) = (event for event in events if isinstance(event, Answer))
        return reply.whole(answer)
    # The first event before the response has a status: what is wrong until then is told by it.
    chunks = reply.chunks(itertools.chain([next(events)], events))
    return StreamingResponse(
        encode_chunks(chunks),
        media_type="text/event-stream",
        headers=HEADERS,
    )


class _Reply:
    """One completion, whole or in chunks."""

    def __init__(self, body: ChatRequest, request: Request, answerer: Answerer) -> None:
        self._body = body
        self._request = request
        self._answerer = answerer
        self._head: dict[str, Any] = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": body.model,
            "system_fingerprint": answerer.snapshot.version,
        }

    def whole(self, answer: Answer) -> ChatCompletion:
        content = answer.answer + list_sources(answer)
        message = AssistantMessage(content=content, annotations=self._annotate(answer))
        return ChatCompletion(
            **self._head,
            choices=[Choice(message=message)],
            usage=self._count(content),
            campus_qa=answer,
        )

    def chunks(self, events: Iterator[Retrieved | Said | Answer]) -> Iterator[ChatChunk]:
        yield self._chunk(Delta(role="assistant", content=""))
        for event in events:
            if isinstance(event, Said):
                yield self._chunk(Delta(content=event.text))
            elif isinstance(event, Answer):
                yield from self._conclude(event)

    def _conclude(self, answer: Answer) -> Iterator[ChatChunk]:
        sources = list_sources(answer)
        if sources:
            yield self._chunk(Delta(content=sources, annotations=self._annotate(answer)))
        yield self._chunk(Delta(), "stop").model_copy(update={"campus_qa": answer})
        options = self._body.stream_options
        if options is not None and options.include_usage:
            usage = self._count(answer.answer + sources)
            yield self._chunk().model_copy(update={"usage": usage})

    def _chunk(
        self, delta: Delta | None = None, finish: Literal["stop"] | None = None
    ) -> ChatChunk:
        choices = []
        if delta is not None:
            choices.append(ChunkChoice(index=0, delta=delta, finish_reason=finish))
        return ChatChunk(**self._head, object="chat.completion.chunk", choices=choices)

    def _annotate(self, answer: Answer) -> list[Annotation]:
        """What each marker stands for."""
        citations = {citation.marker: citation for citation in answer.citations}
        return [
            Annotation(
                type="url_citation",
                url_citation=UrlCitation(
                    start_index=marker.start(),
                    end_index=marker.end(),
                    title=citation.title,
                    url=self._locate(citation),
                ),
            )
            for marker in _MARKER.finditer(answer.answer)
            if (citation := citations.get(int(marker[1])))
        ]

    def _locate(self, citation: Citation) -> str:
        text = self._request.url_for("get_text", document_id=citation.document_id)
        return str(text.include_query_params(start=citation.start, end=citation.end))

    def _count(self, content: str) -> Usage:
        read = [self._body.question]
        for turn in self._body.history:
            read += filter(None, (turn.question, turn.answer))
        *prompt, written = self._answerer.count_tokens([*read, content])
        return Usage(
            prompt_tokens=sum(prompt),
            completion_tokens=written,
            total_tokens=sum(prompt) + written,
        )


def list_sources(answer: Answer) -> str:
    """The sources of an answer as text to be read after it: a line for each citation, in a list, as
    Markdown would make one paragraph of mere lines.
    """
    if not answer.citations:
        return ""
    lines = [_SOURCES[answer.language]]
    for citation in answer.citations:
        place = ", ".join(filter(None, (citation.title, citation.heading)))
        page = f" (page {citation.page})" if citation.page is not None else ""
        line = f"- [{citation.marker}] {place}{page} — {citation.source}"
        lines.append(" ".join(line.splitlines()))
    return "\n\n" + "\n".join(lines)


def encode_chunks(chunks: Iterator[ChatChunk]) -> Iterator[bytes]:
    """The chunks as server-sent events, up to `[DONE]` or to the error that ended them."""
    try:
        for chunk in chunks:
            yield format_sse_event(data_str=chunk.model_dump_json(exclude_unset=True))
        yield format_sse_event(data_str="[DONE]")
    except Exception:
        # The status has been sent: the stream itself has to tell, whatever it was.
        _LOGGER.exception("an answer failed while it was streamed")
        error = openai_error(HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)
        yield format_sse_event(data_str=json.dumps({"error": error}))


def _available(answerer: Answerer) -> list[str]:
    return [name for name, mode in MODELS.items() if mode != "generative" or answerer.generator]


def _require(name: str, answerer: Answerer) -> None:
    """Raises HTTPException, 404, if there is no model of this name."""
    available = _available(answerer)
    if name in available:
        return
    if name in MODELS:
        hint = "it needs an LLM: set CAMPUS_QA_LLM_BASE_URL and CAMPUS_QA_LLM_MODEL"
    else:
        hint = f"there are {', '.join(available)}"
    raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no model {name!r}; {hint}.")


def _describe(name: str, answerer: Answerer) -> Model:
    built = datetime.fromisoformat(answerer.snapshot.manifest.created_at)
    return Model(id=name, created=int(built.timestamp()))
