r"""Fit the weights of the hybrid score: which passage of all candidates answers the question.

    python -m qa.fit.fusion --model DIR written fr=piaf-train.json en=xquad.en.json \
        en=xquad.en.json,xquad.de.json en=xquad.en.json,xquad.es.json en=xquad.en.json,xquad.ro.json

Each question is a choice among a hundred candidates. The weights that make the right passages
likeliest, scaled to a sum of 1, are what `qa/retriever.py` holds. French, English, English over
other languages, and our own set count alike. The articles that `qa.fit.sets` holds out are left
out, so that what is fitted on those may read the hybrid score. Of our own set, those weights are of
its first 230 texts (`a01` to `l15`), which were all there were.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import numpy as np

from index import Embedder
from qa.fit.choice import Choice, fit_choice
from qa.fit.sets import USAGE, open_set, share_of
from qa.retriever import CANDIDATES, retrieve

_NAMES = ("passage cosine", "sentence cosine", "coverage")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True, help="directory or name of the embedding model")
    parser.add_argument("sets", nargs="+", metavar=USAGE)
    arguments = parser.parse_args()
    embedder = Embedder.load(arguments.model)
    choices: list[Choice] = []
    for argument in arguments.sets:
        found = _read_set(argument, embedder)
        share = share_of(argument, arguments.sets) / len(found)
        choices += [replace(choice, share=share) for choice in found]
        print(f"{argument}: {len(found)} questions", file=sys.stderr)
    weights = fit_choice(choices, positive=True)
    for name, weight in zip(_NAMES, weights / weights.sum(), strict=True):
        print(f"{name}: {weight:.3f}")
    print(f"temperature: {weights.sum():.1f}")


def _read_set(argument: str, embedder: Embedder) -> list[Choice]:
    found = []
    with open_set(argument, embedder) as (snapshot, questions):
        asked = [question for question in questions if not question.held_out]
        vectors = embedder.embed_queries([question.text for question in asked])
        for question, vector in zip(asked, vectors, strict=True):
            hits = retrieve(snapshot, question.text, vector, 2 * CANDIDATES)
            right = np.array([question.is_answered_by(hit.passage) for hit in hits])
            if right.any():
                rows = [[h.cosine, max(h.sentence_cosines), h.coverage] for h in hits]
                found.append(Choice(np.array(rows, np.float64), right))
    return found


if __name__ == "__main__":
    main()
