"""Checking a question set against its corpus before its figures are believed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from corpus import Document
from evals.matching import contains, normalise
from evals.question_set import Question, QuestionSet

_MIN_PER_KIND = 5
_SHARES = (0.1, 0.6)
"""Least and greatest share of unanswerable questions in a balanced set."""


class Finding(BaseModel):
    """Something that the author of a question set should look at.

    An `error` makes figures wrong; a `warning` makes them less telling.
    """

    model_config = ConfigDict(frozen=True)

    severity: Literal["error", "warning"]
    question: str | None
    message: str


class SetCheck(BaseModel):
    """What a question set holds, and what was found."""

    model_config = ConfigDict(frozen=True)

    n: int
    answerable: int
    conversations: int
    kinds: dict[str, int]
    languages: dict[str, int]
    documents: dict[str, int]
    findings: tuple[Finding, ...]


def check_question_set(question_set: QuestionSet, documents: Sequence[Document]) -> SetCheck:
    """Look for spans that are not in the corpus, duplicates, and what unbalances a set.

    Args:
        question_set: What to check.
        documents: The corpus that it is about.
    """
    questions = question_set.questions
    texts = {document.id: document.text for document in documents}
    cited: Counter[str] = Counter()
    findings: list[Finding] = []
    for question in questions:
        findings += _check_spans(question, texts)
        cited.update(_documents_of(question, texts))
    findings += _duplicates(questions)
    findings += _imbalance(questions)
    return SetCheck(
        n=len(questions),
        answerable=sum(question.answerable for question in questions),
        conversations=len({q.conversation for q in questions if q.conversation}),
        kinds=dict(Counter(question.kind for question in questions).most_common()),
        languages=dict(Counter(question.lang for question in questions).most_common()),
        documents={key: cited[key] for key in texts} if not question_set.documents else {},
        findings=tuple(findings),
    )


def _check_spans(question: Question, texts: dict[str, str]) -> Iterator[Finding]:
    def error(message: str) -> Finding:
        return Finding(severity="error", question=question.id, message=message)

    if question.judgements:
        missing = [key for key, grade in question.judgements.items() if grade and key not in texts]
        if missing:
            yield error(f"these judged documents have no text: {', '.join(missing)}")
        return
    for field in ("answers", "required", "evidence"):
        for span in getattr(question, field):
            if not any(span in text for text in texts.values()):
                near = any(contains(text, span) for text in texts.values())
                hint = ", only with other signs or capitals" if near else ""
                yield error(f"{field}: {span!r} is not in the corpus{hint}")
    if not question.evidence:
        if question.answerable:
            yield Finding(
                severity="warning",
                question=question.id,
                message="it names no evidence: every passage that holds an answer counts",
            )
        return
    if question.places:
        # The set says where its answers stand, and they do: one may run over two sentences.
        return
    wanted = question.required or question.answers
    held = [any(contains(sentence, span) for sentence in question.evidence) for span in wanted]
    if not (all(held) if question.required else any(held)):
        yield error("its evidence does not hold the answer")


def _documents_of(question: Question, texts: dict[str, str]) -> set[str]:
    return {key for key, text in texts.items() if any(e in text for e in question.evidence)}


def _duplicates(questions: Sequence[Question]) -> Iterator[Finding]:
    """Questions of the same words; a follow-up may be asked in several conversations."""
    seen: dict[tuple[str, ...], Question] = {}
    for question in questions:
        if question.turn > 1:
            continue
        first = seen.setdefault(tuple(normalise(question.question)), question)
        if first is not question:
            yield Finding(
                severity="error" if first.answerable != question.answerable else "warning",
                question=question.id,
                message=f"it asks the same as {first.id}",
            )


def _imbalance(questions: Sequence[Question]) -> Iterator[Finding]:
    def warning(message: str) -> Finding:
        return Finding(severity="warning", question=None, message=message)

    unanswerable = sum(not question.answerable for question in questions) / len(questions)
    if not _SHARES[0] <= unanswerable <= _SHARES[1]:
        yield warning(
            f"{unanswerable:.0%} of the questions are unanswerable: with some 25 %, abstention "
            "can be measured"
        )
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for question in questions:
        by_kind[question.kind][question.lang] += 1
    languages = {question.lang for question in questions}
    for kind, counts in sorted(by_kind.items()):
        if counts.total() < _MIN_PER_KIND:
            yield warning(f"kind {kind!r} has {counts.total()} questions: too few to be told apart")
        elif missing := sorted(languages - set(counts)):
            yield warning(f"kind {kind!r} has no question in {', '.join(missing)}")
