"""Question sets in; metrics with intervals, question by question, and a report out."""

from evals.check import Finding, SetCheck, check_question_set
from evals.compare import Change, Comparison, compare
from evals.gate import Gate, GateError, parse_gate
from evals.intervals import Metric
from evals.question_set import Question, QuestionSet, QuestionSetError, load_question_set
from evals.report import render_report
from evals.results import EvalResult, Item, RunError, load_run
from evals.run import cached_snapshot, evaluate

__all__ = [
    "Change",
    "Comparison",
    "EvalResult",
    "Finding",
    "Gate",
    "GateError",
    "Item",
    "Metric",
    "Question",
    "QuestionSet",
    "QuestionSetError",
    "RunError",
    "SetCheck",
    "cached_snapshot",
    "check_question_set",
    "compare",
    "evaluate",
    "load_question_set",
    "load_run",
    "parse_gate",
    "render_report",
]
