"""The generator: an LLM that words an answer from passages, over the OpenAI protocol.

Nothing it says is believed here; see `qa.verifier`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from corpus import Language

if TYPE_CHECKING:
    from llama_index.core.llms import ChatMessage

    from qa.conversation import Turn

DEFAULT_SECONDS = 20.0
NO_ANSWER = "NO ANSWER"

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
_MOST_CHARACTERS = 4000


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
        # Here and not above: the import takes seconds, which only those with an LLM have to spend.
        from llama_index.llms.openai_like import OpenAILike

        self.model = model
        self.seconds = seconds
        self._llm = OpenAILike(
            model=model,
            api_base=base_url,
            api_key=api_key or "none",
            is_chat_model=True,
            temperature=0.0,
            max_tokens=_MOST_TOKENS,
            max_retries=0,
        )

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
        said = "\n".join(f"Q: {turn.question}\nA: {turn.answer}" for turn in history)
        written = "".join(self._chat(_REWRITE, f"{said}\nLast question: {question}", deadline))
        lines = written.strip().splitlines()
        if not lines:
            raise GeneratorError("the LLM wrote nothing")
        return lines[0].strip()

    def _chat(self, system: str, asked: str, deadline: float) -> Iterator[str]:
        """In a thread of its own: an endpoint that drips a byte now and then never times out."""
        from llama_index.core.llms import ChatMessage, MessageRole

        messages = [
            ChatMessage(role=MessageRole.SYSTEM, content=system),
            ChatMessage(role=MessageRole.USER, content=asked),
        ]
        pieces: queue.Queue[str | GeneratorError | None] = queue.Queue()
        stop = threading.Event()
        threading.Thread(
            target=self._receive, args=(messages, deadline, pieces, stop), daemon=True
        ).start()
        length = 0
        try:
            while True:
                left = deadline - time.monotonic()
                try:
                    piece = pieces.get(timeout=max(0.0, left))
                except queue.Empty:
                    raise GeneratorError("the LLM took too long") from None
                if piece is None:
                    return
                if isinstance(piece, GeneratorError):
                    raise piece
                length += len(piece)
                if length > _MOST_CHARACTERS:
                    raise GeneratorError("the LLM did not come to an end")
                yield piece
        finally:
            stop.set()

    def _receive(
        self,
        messages: Sequence[ChatMessage],
        deadline: float,
        pieces: queue.Queue[str | GeneratorError | None],
        stop: threading.Event,
    ) -> None:
        from httpx import HTTPError
        from openai import OpenAIError

        try:
            timeout = max(0.1, deadline - time.monotonic())
            for response in self._llm.stream_chat(messages, timeout=timeout):
                if stop.is_set():
                    return
                if response.delta:
                    pieces.put(response.delta)
            pieces.put(None)
        except (OpenAIError, HTTPError) as error:
            pieces.put(GeneratorError(f"the LLM failed: {type(error).__name__}"))
        # What is not of the protocol comes out of the client as whatever it trips over.
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            pieces.put(GeneratorError(f"the LLM does not speak the protocol: {error}"))
