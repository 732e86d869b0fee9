"""The routes that ask: answers, whole or as they form, and searches."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from api.dependencies import Configured, Ready, problems
from api.events import describe_events, stream_answer
from api.metrics import observed
from api.schemas import AskRequest, SearchRequest
from qa import Answer, SearchResult, Turn

_INVALID = problems(400, 408, 413, 415, 422, 503)
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream`, or to a request that accepts "
        "`text/event-stream`, events: `passages` with those that are read, `token` with a piece of "
        "the answer's text, as often as there is one, and `answer` with all of it. If it fails on "
        "the way, the last is `error`, with problem details.",
        "content": describe_events("passages", "token", "answer", "error"),
    }
}

router = APIRouter(tags=["questions"])


@router.post("/ask", response_model=Answer, responses={**_STREAM, **_INVALID})
def ask(
    body: AskRequest, request: Request, answerer: Ready, settings: Configured
) -> Answer | StreamingResponse:
    """Answer a question from the documents, with citations, or say that they do not answer."""
    history = [Turn(question=turn.question, answer=turn.answer) for turn in body.history]
    top_k = body.top_k or settings.top_k
    events = observed(
        request, answerer.stream(body.question, top_k, body.filters, history, body.mode)
    )
    if body.stream or _wants_events(request):
        return stream_answer(events)
    (answer,) = (event for event in events if isinstance(event, Answer))
    return answer


@router.post("/search", responses=_INVALID)
def search(
    body: SearchRequest, request: Request, answerer: Ready, settings: Configured
) -> SearchResult:
    """Find passages, best first."""
    top_k = body.top_k or settings.top_k
    result = answerer.search(body.query, top_k, body.mode, body.filters)
    request.state.result = result
    return result


def _wants_events(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return any(
        part.partition(";")[0].strip().lower() == "text/event-stream"
        for part in accepted.split(",")
    )
