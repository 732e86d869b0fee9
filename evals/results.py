"""What a run leaves behind: every question with its answer and scores, and the summary of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from corpus import Place
from evals.intervals import Metric
from evals.question_set import first_problem
from qa import Citation

Outcome = Literal[
    "right", "wrong span", "not read", "not retrieved", "refused wrongly", "answered wrongly"
]
"""What became of a question.

`right`: answered with an accepted answer, or refused where the documents do not answer; where
documents were judged instead, one that is relevant was found. All others are failures:
`not retrieved`: no relevant passage came back; `not read`: one did, and the answer was taken from
elsewhere, or it was not among those that are read; `refused wrongly`: it was read, and refused;
`wrong span`: the answer was taken from a relevant passage, and is not the one;
`answered wrongly`: the documents do not answer, and it was answered.
"""


class RunError(Exception):
    """A file of results that cannot be used; the message says why and what to do."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class RankedPassage(_Frozen):
    """A passage that came back, and what it was ranked by."""

    passage_id: str
    score: float
    relevant: bool


class Item(_Frozen):
    """One question, what was answered, and its scores; a score that does not apply is left out.

    Attributes:
        kind, lang, conversation, turn: As in the question set.
        accepted: The accepted answers, or the required parts of a list.
        passages: The first ten that came back, best first.
        evidence: Where the evidence stands in the corpus.
        rank_of_evidence: Of the first relevant passage (or document), from 1; null if there is none
            among those retrieved.
        right_if_answered: Whether the answer, given or withheld, is right: what the risk-coverage
            curve is drawn of. Null where only documents were judged.
        latency_ms: Of this question asked by itself; null where it was not timed.
    """

    id: str
    lang: str
    kind: str
    conversation: str = ""
    turn: int = 0
    question: str
    answerable: bool
    accepted: tuple[str, ...] = ()
    answered: bool
    answer: str
    short_answer: str | None
    citations: tuple[Citation, ...]
    passages: tuple[RankedPassage, ...] = ()
    evidence: tuple[Place, ...] = ()
    confidence: float
    rank_of_evidence: int | None
    outcome: Outcome
    right_if_answered: bool | None
    latency_ms: float | None
    scores: dict[str, float]


class Summary(_Frozen):
    """The metrics over some questions, each with its 95 % bootstrap interval.

    `retrieval` and `answer` are measured on the answerable questions, where a refusal counts as a
    wrong answer; `citation` on those that were answered (its `precision` and `recall` on the
    answerable ones among them, since nothing supports the others); `abstention` on all. What each
    metric is, and where it comes from, `evals.measures.MEASURES` says.
    """

    n: int
    retrieval: dict[str, Metric]
    answer: dict[str, Metric]
    citation: dict[str, Metric]
    abstention: dict[str, Metric]
    latency_ms: dict[str, Metric]
    outcomes: dict[str, int]


class OperatingPoint(_Frozen):
    """A threshold on the confidence, the share answered at or above it, and how much is wrong."""

    threshold: float
    coverage: float
    risk: float


class EvalResult(Summary):
    """Everything measured in one run.

    Attributes:
        question_set: Its file name.
        mode: How passages were ranked.
        gold: Whether each question was answered from the documents of its evidence alone.
        reranker: The name of what put hybrid candidates in order, or `none`.
        min_confidence: The threshold on the confidence: with `abstention.coverage` and `.risk`, the
            operating point on the curve.
        breakdown: The same metrics by `kind`, by `language`, and in sets with conversations by
            `turn` (single, first, follow-up).
        risk_coverage: The curve, thinned out, from the most confident answer to all of them.
        warnings: What the figures do not cover.
    """

    question_set: str = ""
    index_version: str
    mode: str = "hybrid"
    gold: bool = False
    reranker: str = "none"
    min_confidence: float
    breakdown: dict[str, dict[str, Summary]]
    risk_coverage: tuple[OperatingPoint, ...]
    warnings: tuple[str, ...]
    items: tuple[Item, ...]


def load_run(path: Path) -> EvalResult:
    """Read what `campus-qa eval --json FILE` wrote.

    Raises:
        RunError: It cannot be read, or is something else.
    """
    try:
        return EvalResult.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        raise RunError(
            f"{path} is not a run of `campus-qa eval --json` as this version writes it: "
            f"{first_problem(error)}"
        ) from error
