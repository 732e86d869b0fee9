"""What each choice in lexical search is worth: `python -m evals.ablation_lexical SET[=CORPUS] ...`.

Prints one table a set, in Markdown: the share of questions whose evidence BM25 finds first, and
among the first five; asked as they stand, with one typing error in each (seeded), and as keywords.
First as the index has it, then without its correction of spelling, then, without that, each choice
undone by itself.
"""

from __future__ import annotations

import argparse
import os
import re
import string
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import bm25s
import numpy as np
import Stemmer

from corpus import Passage, join_digit_groups
from evals.ablation import open_set
from evals.relevance import Relevance
from index import STOP_WORDS, Embedder, embedding_model
from qa import Answerer

_WORD = re.compile(r"\w+")
_WHOLE = {
    "apostrophes parted": re.compile(r"[\w'’]+"),
    "hyphens parted": re.compile(r"[\w-]+"),
}
_STEMMERS = {"fr": Stemmer.Stemmer("french"), "en": Stemmer.Stemmer("english")}
_CHOICES = (
    "stemming",
    "accents folded",
    "stop words",
    "apostrophes parted",
    "hyphens parted",
    "numbers joined",
    "titles and headings",
)
_SEED = 5

Ranker = Callable[[Sequence[str]], list[list[str]]]
"""The ids of the passages found for each question, best first."""


def analyse(text: str, language: str, without: str = "") -> list[str]:
    """The terms of a text, as `index.terms` makes them, but for one choice of `_CHOICES`."""
    joined = text if without == "numbers joined" else join_digit_groups(text)
    folded = unicodedata.normalize("NFKC", joined).lower()
    words = _WHOLE.get(without, _WORD).findall(folded)
    if without != "stop words":
        words = [word for word in words if word not in STOP_WORDS]
    if without != "stemming":
        words = _STEMMERS[language].stemWords(words)
    return words if without == "accents folded" else [_fold(word) for word in words]


def misspell(question: str, chance: np.random.Generator) -> str:
    """A typing error in one of the longer words: a letter dropped, added, swapped or replaced."""
    words = [
        match.span()
        for match in _WORD.finditer(question)
        if len(match[0]) >= 5 and match[0].isalpha() and match[0].lower() not in STOP_WORDS
    ]
    if not words:
        return question
    start, end = words[chance.integers(len(words))]
    place = int(chance.integers(start + 1, end))
    letter = string.ascii_lowercase[chance.integers(26)]
    error = chance.integers(4)
    if error == 0:
        return question[:place] + question[place + 1 :]
    if error == 1:
        return question[:place] + letter + question[place:]
    if error == 2 and place + 1 < end:
        swapped = question[place + 1] + question[place]
        return question[:place] + swapped + question[place + 2 :]
    return question[:place] + letter + question[place + 1 :]


def keywords(question: str) -> str:
    """A question as people type it into a search box."""
    return " ".join(word for word in _WORD.findall(question.lower()) if word not in STOP_WORDS)


def main() -> None:
    """Print one table a set, in Markdown."""
    parser = argparse.ArgumentParser(description="What each choice in lexical retrieval is worth.")
    parser.add_argument("sets", nargs="+", metavar="SET[=CORPUS]")
    parser.add_argument("--home", type=Path, default=Path("var"), help="default: var")
    parser.add_argument("--model", default=os.environ.get("CAMPUS_QA_EMBEDDING_MODEL"))
    arguments = parser.parse_args()
    embedder = Embedder.load(embedding_model(arguments.model, arguments.home / "models"))
    for argument in arguments.sets:
        question_set, snapshot = open_set(argument, embedder, arguments.home)
        answerer = Answerer(snapshot, embedder)
        questions = [question for question in question_set.questions if question.answerable]
        relevance = Relevance(snapshot)
        relevant = [
            relevance.judge(question, relevance.find_evidence(question)) for question in questions
        ]
        chance = np.random.default_rng(_SEED)
        asked = {
            "as asked": [question.question for question in questions],
            "with a typing error": [misspell(question.question, chance) for question in questions],
            "keywords": [keywords(question.question) for question in questions],
        }
        languages = {d.id: d.language for d in snapshot.documents.values()}
        print(f"\n{Path(argument.partition('=')[0]).name}: {len(questions)} questions\n")
        print(f"| | {' | '.join(asked)} |\n|---|{'---:|' * len(asked)}", flush=True)

        def search(texts: Sequence[str], answerer: Answerer = answerer) -> list[list[str]]:
            results = (answerer.search(text, 5, "lexical") for text in texts)
            return [[passage.passage_id for passage in r.passages] for r in results]

        _print("as it is", asked, relevant, search)
        _print("without spelling", asked, relevant, _ranker(snapshot.passages, languages))
        for choice in _CHOICES:
            ranker = _ranker(snapshot.passages, languages, choice)
            _print(f"without spelling and {choice}", asked, relevant, ranker)
        usual = _ranker(snapshot.passages, languages, k1=1.5, b=0.75)
        _print("without spelling, k1 = 1.5, b = 0.75", asked, relevant, usual)


def _ranker(
    passages: Sequence[Passage],
    languages: Mapping[str, str],
    without: str = "",
    k1: float = 0.9,
    b: float = 0.4,
) -> Ranker:
    """BM25 as the index has it, but for one choice, and for the correction of spelling."""
    ranker = bm25s.BM25(method="lucene", k1=k1, b=b)
    texts = [p.text if without == "titles and headings" else p.embedded_text for p in passages]
    corpus = [
        analyse(text, languages[passage.document_id], without)
        for text, passage in zip(texts, passages, strict=True)
    ]
    ranker.index(corpus, show_progress=False)

    def search(questions: Sequence[str]) -> list[list[str]]:
        found = []
        for question in questions:
            terms = {term for spoken in _STEMMERS for term in analyse(question, spoken, without)}
            known = sorted(term for term in terms if term in ranker.vocab_dict)
            scores = ranker.get_scores(known) if known else np.zeros(len(passages))
            best = np.argsort(-scores, kind="stable")[:5]
            found.append([passages[number].id for number in best if scores[number] > 0])
        return found

    return search


def _print(
    name: str,
    asked: Mapping[str, list[str]],
    relevant: Sequence[Mapping[str, int]],
    search: Ranker,
) -> None:
    cells = []
    for texts in asked.values():
        hits = [
            [passage in right for passage in ranking]
            for right, ranking in zip(relevant, search(texts), strict=True)
        ]
        first, five = (float(np.mean([any(hit[:k]) for hit in hits])) for k in (1, 5))
        cells.append(f"{first:.3f} / {five:.3f}")
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _fold(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


if __name__ == "__main__":
    main()
