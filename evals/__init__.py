"""Question sets in; metrics with intervals, question by question, out."""

from evals.metrics import Metric
from evals.question_set import Question, QuestionSetError, load_question_set
from evals.run import EvalResult, Item, cached_snapshot, evaluate

__all__ = [
    "EvalResult",
    "Item",
    "Metric",
    "Question",
    "QuestionSetError",
    "cached_snapshot",
    "evaluate",
    "load_question_set",
]
