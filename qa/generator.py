"""The generator: an LLM that words an answer from passages, over the OpenAI protocol.

Nothing it says is believed here; see `qa.verifier`.
"""

from __future__ import annotations

import importlib
import queue
import re
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from corpus import Language
from qa.conversation import REMEMBERED, Turn

if TYPE_CHECKING:
    from llama_index.llms.openai_like import OpenAILike


DEFAULT_SECONDS = 20.0
NO_ANSWER = "NO ANSWER"
TOO_LONG = "the LLM took too long"

_LANGUAGES: dict[Language, str] = {"fr": "French", "en": "English"}
_ANSWER = """\
You answer questions from passages of documents, and from nothing else.
- Answer in {language}, in one to three short sentences.
- End every sentence with the number of the passage that it comes from, like this: [1].
- Write numbers, dates and names as the passage does.
- If the passages do not answer the question, write only: {no_answer}"""
_COMPLAINT = """\
These sentences are not supported by the passages that they cite:
{sentences}
Answer again. Write only what the passages say, each sentence with the number of its passage."""
_REWRITE = """\
Rewrite the last question of a conversation so that it can be understood by itself. Keep its \
language and its meaning. Write the question, and nothing else."""
_MOST_TOKENS = 400
_MOST_CHARACTERS = 8000
_MOST_REMEMBERED = 500
_LONGEST_QUESTION = 500
THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)


class GeneratorError(Exception):
    """The LLM gave nothing that can be used; the message says why."""


class Generator:
    """A chat model behind an OpenAI-compatible endpoint. Safe to call from several threads.

    Attributes:
        model: Its name there.
        seconds: How long an answer may wait for it, all attempts together.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        """Args:
        base_url: Of the API, up to and with `/v1`.
        model: As of the attribute.
        api_key: If the endpoint wants one.
        seconds: As of the attribute.
        """
        # Here and not above: it takes seconds, which only those with an LLM have to spend, but not
        # from the time limit of the first answer.
        importlib.import_module("llama_index.llms.openai_like")
        self.model = model
        self.seconds = seconds
        self._base_url = base_url
        self._api_key = api_key

    def answer(
        self,
        question: str,
        language: Language,
        passages: Sequence[str],
        deadline: float,
        rejected: Sequence[str] = (),
    ) -> Iterator[str]:
        """The answer, piece by piece, as it comes.

        Args:
            question: Understandable by itself.
            language: To answer in.
            passages: Numbered from 1 in this order.
            deadline: By `time.monotonic`, when it must be there.
            rejected: Sentences of an answer before that were not supported.

        Raises:
            GeneratorError: The endpoint cannot be reached, fails, is too slow, or does not speak
                the protocol.
        """
        listed = "\n\n".join(f"[{n}] {text}" for n, text in enumerate(passages, start=1))
        asked = f"{listed}\n\nQuestion: {question}"
        if rejected:
            sentences = "\n".join(f"- {sentence}" for sentence in rejected)
            asked += "\n\n" + _COMPLAINT.format(sentences=sentences)
        system = _ANSWER.format(language=_LANGUAGES[language], no_answer=NO_ANSWER)
        return self._chat(system, asked, deadline)

    def rewrite(self, question: str, history: Sequence[Turn], deadline: float) -> str:
        """A question that can be understood without what was said before.

        Raises:
            GeneratorError: As of `answer`.
        """
        said = "\n".join(
            f"Q: {turn.question}\nA: {turn.answer[:_MOST_REMEMBERED]}"
            for turn in history[-REMEMBERED:]
        )
        written = "".join(self._chat(_REWRITE, f"{said}\nLast question: {question}", deadline))
        lines = THOUGHT.sub("", written).split("\n")
        rewritten = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if not 0 < len(rewritten) <= _LONGEST_QUESTION or NO_ANSWER in rewritten:
            raise GeneratorError("the LLM did not rewrite the question")
        return rewritten

    def _chat(self, system: str, asked: str, deadline: float) -> Iterator[str]:
        """In a thread of its own: an endpoint that drips a byte now and then never times out."""
        import httpx
        from llama_index.llms.openai_like import OpenAILike

        timeout = max(0.1, deadline - time.monotonic())
        client = httpx.Client(timeout=timeout)
        llm = OpenAILike(
            model=self.model,
            api_base=self._base_url,
            api_key=self._api_key or "none",
            is_chat_model=True,
            temperature=0.0,
            max_tokens=_MOST_TOKENS,
            max_retries=0,
            timeout=timeout,
            http_client=client,
        )
        pieces: queue.Queue[str | GeneratorError | None] = queue.Queue()
        threading.Thread(target=_receive, args=(llm, system, asked, pieces), daemon=True).start()
        length = 0
        try:
            while True:
                left = deadline - time.monotonic()
                try:
                    piece = pieces.get(timeout=max(0.0, left))
                except queue.Empty:
                    raise GeneratorError(TOO_LONG) from None
                if piece is None:
                    return
                if isinstance(piece, GeneratorError):
                    raise piece
                length += len(piece)
                if length > _MOST_CHARACTERS:
                    raise GeneratorError("the LLM did not come to an end")
                yield piece
        finally:
            # It ends the thread too, with the next byte that comes or by the time limit.
            client.close()


def _receive(
    llm: OpenAILike,
    system: str,
    asked: str,
    pieces: queue.Queue[str | GeneratorError | None],
) -> None:
    from httpx import HTTPError, InvalidURL
    from llama_index.core.llms import ChatMessage, MessageRole
    from openai import OpenAIError

    messages = [
        ChatMessage(role=MessageRole.SYSTEM, content=system),
        ChatMessage(role=MessageRole.USER, content=asked),
    ]
    try:
        for response in llm.stream_chat(messages):
            if response.delta:
                # Half of a surrogate pair is no character.
                pieces.put(response.delta.encode("utf-8", "replace").decode())
        pieces.put(None)
    except (OpenAIError, HTTPError, InvalidURL) as error:
        pieces.put(GeneratorError(f"the LLM failed: {type(error).__name__}"))
    # What is not of the protocol comes out of the client as whatever it trips over.
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        pieces.put(GeneratorError(f"the LLM does not speak the protocol: {type(error).__name__}"))
