"""What OpenAI's chat completions look like, as far as they can be spoken here.

Clients send much that means nothing here (temperatures, tools, users, ...): unlike at the service's
own routes, what is not known is ignored.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from api.schemas import MAX_ANSWER, MAX_HISTORY, check_characters, check_text, take_whole
from qa import Answer, Turn

_MARKER = re.compile(r"\s?\[\d+\]")
_LISTED_SOURCES = re.compile(r"\s?:(?:\n- \[\d+\] .*)+")


class _Read(BaseModel):
    """What is read of a request is of the type that is described, and not taken for it."""

    model_config = ConfigDict(strict=True)


class TextPart(_Read):
    """A part of a message's content."""

    type: Literal["text"]
    text: str


def _join_parts(content: object) -> object:
    """The text of a content that is given in parts, or that is absent."""
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text" or not isinstance(part.get("text"), str):
            raise ValueError(f"only parts with `type: text` can be read, not of type {kind!r}")
        texts.append(part["text"])
    return "\n".join(texts)


Content = Annotated[
    str,
    BeforeValidator(_join_parts, json_schema_input_type=str | list[TextPart] | None),
    AfterValidator(check_characters),
]


class Message(_Read):
    """A message of the conversation; what `system`, `developer` and tools say is not used."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content = ""


def _check_question(messages: list[Message]) -> list[Message]:
    asked = [message.content for message in messages if message.role == "user"]
    if not asked:
        raise ValueError("there is none of the user: the last one of the user is the question")
    try:
        check_text(asked[-1])
    except ValueError as error:
        raise ValueError(f"the last one of the user is the question, but {error}") from None
    return messages


class StreamOptions(_Read):
    """What a stream tells besides the answer."""

    include_usage: bool | None = None


class ChatRequest(_Read):
    """A conversation whose last message from the user is a question in French or English.

    Parameters of OpenAI's that are not listed here are accepted and have no effect.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "campus-qa",
                    "messages": [
                        {"role": "user", "content": "Qui est le directeur de PariSanté Campus ?"}
                    ],
                    "stream": False,
                }
            ]
        }
    )

    model: str = Field(description="one of `GET /v1/models`")
    messages: Annotated[list[Message], AfterValidator(_check_question)] = Field(
        description="the last one of the user is the question, those before it are what was asked "
        "and answered before; instructions to the system are not followed, as answers come from "
        "the documents alone"
    )
    stream: bool | None = Field(None, description="whether the answer comes as it forms, as events")
    stream_options: StreamOptions | None = None
    n: Annotated[int | None, BeforeValidator(take_whole)] = Field(
        None, description="how many answers are wanted; there is but one"
    )
    response_format: dict[str, Any] | None = Field(
        None, description='`{"type": "text"}`, which is what comes without it too'
    )
    tool_choice: str | dict[str, Any] | None = Field(
        None, description="`none` or `auto`: no tool is ever called"
    )

    @field_validator("n")
    @classmethod
    def _is_one(cls, n: int | None) -> int | None:
        if n not in (None, 1):
            raise ValueError("a question has one answer: leave `n` out, or set it to 1")
        return n

    @field_validator("response_format")
    @classmethod
    def _is_text(cls, wanted: dict[str, Any] | None) -> dict[str, Any] | None:
        if wanted is not None and wanted.get("type") != "text":
            raise ValueError("answers are text: leave it out, or use POST /ask, which returns JSON")
        return wanted

    @field_validator("tool_choice")
    @classmethod
    def _is_free(cls, choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
        if choice not in (None, "none", "auto"):
            raise ValueError("no tool is ever called: leave it out, or set it to `none` or `auto`")
        return choice

    @property
    def question(self) -> str:
        return self.messages[self._last_asked].content

    @property
    def history(self) -> list[Turn]:
        """What was asked and answered before, without what this service adds to its answers.

        Of a long conversation, the end. What could not have been asked here is left out: clients
        go on sending it.
        """
        turns: list[tuple[str, list[str]]] = []
        for message in self.messages[: self._last_asked]:
            if message.role == "user":
                turns.append((message.content, []))
            elif message.role == "assistant" and turns:
                turns[-1][1].append(strip_citations(message.content))
        return [
            Turn(question=asked, answer="\n".join(answers)[:MAX_ANSWER])
            for asked, answers in turns
            if _can_be_asked(asked)
        ][-MAX_HISTORY:]

    @property
    def _last_asked(self) -> int:
        return max(n for n, message in enumerate(self.messages) if message.role == "user")


def strip_citations(text: str) -> str:
    """An answer as it was before it got its markers and its list of sources."""
    said, begins, listed = text.rpartition("\n\nSources")
    if begins and _LISTED_SOURCES.fullmatch(listed.rstrip()):
        text = said
    return _MARKER.sub("", text)


def _can_be_asked(text: str) -> bool:
    try:
        check_text(text)
    except ValueError:
        return False
    return True


class UrlCitation(BaseModel):
    """A marker, `content[start_index:end_index]` in code points, and where its quote stands."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(BaseModel):
    """What a part of the content rests on."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class AssistantMessage(BaseModel):
    """The answer with its markers, then the list of its sources."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation]


class Choice(BaseModel):
    """The answer, of which there is one."""

    index: Literal[0] = 0
    message: AssistantMessage
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class Usage(BaseModel):
    """How much was read of the conversation (the question and what was asked and answered before)
    and how much was written, in tokens of the embedding model, with those it adds to each text.
    """

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class _Completion(BaseModel):
    id: str
    created: int
    model: str
    system_fingerprint: str


class ChatCompletion(_Completion):
    """An answer, or a refusal; `system_fingerprint` is the version of the index.

    `campus_qa` is the answer as `POST /ask` returns it: its citations, its confidence, and whether
    the documents answer at all.
    """

    object: Literal["chat.completion"] = "chat.completion"
    choices: list[Choice]
    usage: Usage
    campus_qa: Answer


class Delta(BaseModel):
    """What an event adds to the message."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    annotations: list[Annotation] | None = None


class ChunkChoice(BaseModel):
    """What an event adds to the answer."""

    index: int
    delta: Delta
    finish_reason: Literal["stop"] | None


class ChatChunk(_Completion):
    """An event of a stream. What is absent is not told: only the last delta with a content has
    annotations, only the event that ends the answer has `campus_qa`, and only the last event, if it
    was asked for, has the usage, and no choices.
    """

    object: Literal["chat.completion.chunk"]
    choices: list[ChunkChoice]
    usage: Usage | None = None
    campus_qa: Answer | None = None


class Model(BaseModel):
    """A way to answer: `created` is when the index that it answers from was built."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "campus-qa"


class ModelList(BaseModel):
    """The ways to answer."""

    object: Literal["list"] = "list"
    data: list[Model]
