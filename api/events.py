"""Answers as they form, as server-sent events.

The format is that of the HTML standard (https://html.spec.whatwg.org/multipage/server-sent-events).
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel

from api.problems import FAILED, Problem
from qa import Answer, Retrieved, Said

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Of a response with events: nginx would hold them back until it has a page of them."""

_LOGGER = logging.getLogger(__name__)
_NAMES: dict[type[BaseModel], str] = {
    Retrieved: "passages",
    Said: "token",
    Answer: "answer",
    Problem: "error",
}


def describe_events(*names: str) -> dict[str, Any]:
    """The content of an OpenAPI response with events: `itemSchema` is that of each of them.

    Args:
        names: Of the kinds of events that there are; none where they have no names.
    """
    properties: dict[str, Any] = {"data": {"type": "string"}}
    if names:
        properties["event"] = {"type": "string", "enum": list(names)}
    schema = {"type": "object", "properties": properties, "required": sorted(properties)}
    return {"text/event-stream": {"itemSchema": schema}}


def stream_answer(events: Iterator[Retrieved | Said | Answer]) -> StreamingResponse:
    """A response with an answer's events, begun once there is the first.

    Whatever is wrong with the question is raised here, before the response has a status. What
    fails later is the last event, problem details.
    """
    begun = itertools.chain([next(events)], events)
    return StreamingResponse(
        map(_encode, _to_the_end(begun)),
        media_type="text/event-stream",
        headers=HEADERS,
    )


def _to_the_end(events: Iterator[Retrieved | Said | Answer]) -> Iterator[BaseModel]:
    try:
        yield from events
    except Exception:
        # The status has been sent: the stream itself has to tell, whatever it was.
        _LOGGER.exception("an answer failed while it was streamed")
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        yield Problem(title=status.phrase, status=status, detail=FAILED)


def _encode(event: BaseModel) -> bytes:
    data = event.model_dump_json(exclude_none=isinstance(event, Problem))
    return format_sse_event(event=_NAMES[type(event)], data_str=data)
