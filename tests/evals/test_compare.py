from __future__ import annotations

from pathlib import Path

import pytest

from evals import (
    EvalResult,
    GateError,
    QuestionSet,
    RunError,
    compare,
    evaluate,
    load_question_set,
    load_run,
    parse_gate,
)
from index import Embedder, Snapshot
from qa import Answerer
from tests.conftest import QUESTIONS

SET = load_question_set(QUESTIONS)


@pytest.fixture(scope="module")
def run(quick: Answerer) -> EvalResult:
    return evaluate(SET, quick)


@pytest.fixture(scope="module")
def refusing(snapshot: Snapshot, embedder: Embedder) -> EvalResult:
    """A run of an answerer that hardly dares to answer."""
    return evaluate(SET, Answerer(snapshot, embedder, min_confidence=0.6))


def test_a_run_does_not_differ_from_itself(run: EvalResult) -> None:
    found = compare(run, run)
    assert found.n == 24
    assert found.better == found.worse == ()
    assert {metric.verdict for metric in found.metrics} == {"same"}
    for metric in found.metrics:
        assert metric.difference.value in (0, None)


def test_what_changed_is_named_question_by_question(run: EvalResult, refusing: EvalResult) -> None:
    found = compare(run, refusing)
    right = {item.id: item.outcome == "right" for item in run.items}
    then = {item.id: item.outcome == "right" for item in refusing.items}
    assert {change.id for change in found.worse} == {i for i in right if right[i] and not then[i]}
    assert {change.id for change in found.better} == {i for i in right if then[i] and not right[i]}
    assert found.worse
    assert found.better
    metrics = {metric.name: metric for metric in found.metrics}
    hit = metrics["answer.hit"]
    assert hit.verdict == "worse"
    assert hit.p_value is not None
    assert hit.p_value < 0.05
    assert hit.a == run.answer["hit"].value
    assert hit.b == refusing.answer["hit"].value
    assert metrics["retrieval.recall@1"].verdict == "same"
    # Turned round, worse is better.
    back = compare(refusing, run)
    assert back.better == tuple(
        change.model_copy(
            update={
                f"{field}_{side}": getattr(change, f"{field}_{other}")
                for field in ("outcome", "rank", "answer")
                for side, other in (("a", "b"), ("b", "a"))
            }
        )
        for change in found.worse
    )


def test_only_what_both_runs_asked_is_compared(quick: Answerer, run: EvalResult) -> None:
    part = evaluate(QuestionSet(SET.questions[:5]), quick)
    found = compare(run, part)
    assert (found.n, len(found.only_in_a), found.only_in_b) == (5, 19, ())
    with pytest.raises(RunError, match="no question in common"):
        compare(part, evaluate(QuestionSet(SET.questions[5:7]), quick))
    other = [item.model_copy(update={"question": "Autre ?"}) for item in run.items]
    with pytest.raises(RunError, match="another question in each run"):
        compare(run, run.model_copy(update={"items": tuple(other)}))


def test_other_pipelines_are_told_apart(
    run: EvalResult, quick: Answerer, answerer: Answerer
) -> None:
    some = QuestionSet(SET.questions[:2])
    dense = evaluate(some, quick, mode="dense")
    assert (
        "passages were ranked by hybrid in the first run, by dense in the second"
        in compare(run, dense).warnings
    )
    assert (
        "the reranker was none in the first run, embedded in the second"
        in compare(run, evaluate(some, answerer)).warnings
    )


def test_a_run_is_read_back_as_it_was_written(run: EvalResult, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(run.model_dump_json())
    assert load_run(path) == run
    path.write_text('{"n": 3}')
    with pytest.raises(RunError, match="is not a run"):
        load_run(path)
    with pytest.raises(RunError, match="cannot be read"):
        load_run(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("condition", "fails"),
    [
        ("answer.hit drops", True),
        ("answer.hit drops by more than 0.02", True),
        ("answer.hit drops by more than 0.99", False),
        ("answer.hit drops by more than 10 %", True),
        ("answer.hit drops by more than 100%", False),
        ("answer.hit drops  significantly", True),
        ("answer.hit rises", False),
        ("abstention.refused_rate_unanswerable rises", True),
        ("retrieval.recall@1 drops significantly", False),
        ("retrieval.recall@1 is below 1.0", True),
        ("citation.exact is below 1", False),
        ("latency_ms.p50 rises by more than 99999 %", False),
        ("latency_ms.p50 is above 0", True),
        ("abstention.coverage is above .99", False),
    ],
)
def test_a_gate_fails_where_it_should(
    run: EvalResult, refusing: EvalResult, condition: str, fails: bool
) -> None:
    found = parse_gate(condition).check(compare(run, refusing))
    assert (found is not None) == fails


def test_a_gate_on_the_second_run_sees_all_of_it(run: EvalResult) -> None:
    """Also the questions that only it answered."""
    refused = [
        item.model_copy(update={"answered": False, "citations": (), "scores": {}})
        for item in run.items
    ]
    first = run.model_copy(update={"items": (*refused[:12], *run.items[12:])})
    broken = {**run.items[0].scores, "exact_citations": 0.0}
    spoilt = run.items[0].model_copy(update={"scores": broken})
    second = run.model_copy(update={"items": (spoilt, *run.items[1:])})
    gate = parse_gate("citation.exact is below 1")
    assert gate.check(compare(first, run)) is None
    assert gate.check(compare(first, second)) is not None


def test_a_run_that_lost_its_failures_passes_no_gate(run: EvalResult) -> None:
    kept = tuple(item for item in run.items if item.outcome == "right")
    found = compare(run, run.model_copy(update={"items": kept}))
    assert "questions are not in the second run" in (
        parse_gate("answer.hit drops").check(found) or ""
    )
    assert "in the first run alone" in found.warnings[0]


def test_what_makes_runs_less_than_comparable_is_said(run: EvalResult) -> None:
    items = (run.items[0].model_copy(update={"accepted": ("x",)}), *run.items[1:])
    other = run.model_copy(update={"items": items, "mode": "dense"})
    assert compare(run, run).warnings == ()
    assert [w.split(" ")[0] for w in compare(run, other).warnings] == ["other", "passages"]


def test_a_gate_that_cannot_see_does_not_open(run: EvalResult) -> None:
    unanswerable = tuple(item for item in run.items if not item.answerable)
    part = run.model_copy(update={"items": unanswerable})
    for condition in ("answer.hit drops", "answer.hit is below 0.1"):
        assert "not measured" in (parse_gate(condition).check(compare(part, part)) or "")


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("answer.hit falls", "is not a condition: METRIC drops"),
        ("answer.hit drops by 0.02", "is not a condition"),
        ("answer.hits drops", "'answer.hits' is not a metric: retrieval.recall@1"),
        ("", "is not a condition"),
        ("latency_ms.p50 rises significantly", "say by how much"),
    ],
)
def test_what_is_no_condition_is_said_so(condition: str, message: str) -> None:
    with pytest.raises(GateError, match=message):
        parse_gate(condition)
