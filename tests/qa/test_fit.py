from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from index import Embedder
from qa import reader, reranker
from qa.cross_encoder import RERANKER_WEIGHTS, CrossEncoder
from qa.fit import cross_encoder as trainer
from qa.fit import fusion
from qa.fit import reader as reader_fit
from qa.fit.choice import Choice, fit_choice
from qa.fit.examples import (
    _BESIDE_SHARE,
    _COUNTERPART_SHARE,
    _REMOVED_SHARE,
    SEED,
    Examples,
)
from qa.fit.sets import DIGEST_DIGITS, WRITTEN, WRITTEN_ON_SETS, open_set

TOWNS = ("Lyon", "Nantes", "Brest", "Dijon", "Tours", "Reims", "Metz", "Nancy")


def squad(name: str, tower: str, asked: str, bridge: str, when: str) -> str:
    """Two paragraphs on each town."""
    articles = []
    for number, town in enumerate(TOWNS):
        paragraphs = []
        for p, (text, question, answer) in enumerate(
            [
                (tower.format(town, 50 + number), asked.format(town), str(50 + number)),
                (bridge.format(town, 1900 + number), when.format(town), str(1900 + number)),
            ]
        ):
            answers = [{"text": answer, "answer_start": text.index(answer)}]
            qas = [{"id": f"{name}{number}{p}", "question": question, "answers": answers}]
            paragraphs.append({"context": text, "qas": qas})
        articles.append({"title": town, "paragraphs": paragraphs})
    return json.dumps({"version": "1.1", "data": articles})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    french = (
        "La tour de {} mesure {}m de haut.",
        "Quelle hauteur a la tour de {} ?",
        "Le pont de {} date de {}.",
        "De quand date le pont de {} ?",
    )
    english = (
        "The tower of {} is {} metres high.",
        "How high is the tower of {}?",
        "The bridge of {} dates from {}.",
        "When was the bridge of {} built?",
    )
    (folder / "piaf-train.json").write_text(squad("p", *french), encoding="utf-8")
    for code in ("en", "de", "es", "ro"):
        (folder / f"xquad.{code}.json").write_text(squad("x", *english), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def examples(embedder: Embedder, data: Path) -> Iterator[Examples]:
    """Our own set is a small one here."""
    entries = [
        {
            "id": town,
            "group": town,
            "language": "fr",
            "title": town,
            "text": f"Le musée de {town} a ouvert en {1950 + number}.",
            "questions": [
                {
                    "question": f"When did the museum of {town} open?",
                    "lang": "en",
                    "answer": str(1950 + number),
                    "start": len(f"Le musée de {town} a ouvert en "),
                },
                {
                    "question": f"Combien coûte le musée de {town} ?",
                    "lang": "fr",
                    "answer": None,
                    "start": 0,
                    "counterpart": {
                        "sentence": f"Le billet vaut {10 + number} euros.",
                        "answer": f"{10 + number}",
                        "place": len(f"Le musée de {town} a ouvert en {1950 + number}."),
                    },
                },
            ],
        }
        for number, town in enumerate(TOWNS)
    ]
    written = data / "written.jsonl"
    written.write_text("\n".join(json.dumps(entry) for entry in entries), encoding="utf-8")
    paragraphs = [
        paragraph["context"]
        for article in json.loads((data / "piaf-train.json").read_text(encoding="utf-8"))["data"]
        for paragraph in article["paragraphs"]
        if "tour" in paragraph["context"]
    ]
    on_sets = data / "written_on_sets.jsonl"
    on_sets.write_text(
        "\n".join(
            json.dumps(
                {
                    "paragraph": hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS],
                    "question": f"How many metres are there to climb in {text.split()[3]}?",
                    "lang": "en",
                    "answer": height.group(),
                    "start": height.start(),
                }
            )
            for text in paragraphs
            for height in re.finditer(r"\d+", text)
        ),
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qa.fit.sets.WRITTEN", written)
        patch.setattr("qa.fit.sets.WRITTEN_ON_SETS", on_sets)
        yield Examples(embedder, data, data / "examples.pickle")


@pytest.fixture(scope="module")
def entries() -> list[dict[str, Any]]:
    return [json.loads(line) for line in WRITTEN.read_text(encoding="utf-8").splitlines()]


def test_every_answer_of_the_written_set_stands_in_its_text(
    entries: list[dict[str, Any]],
) -> None:
    names = {entry["id"] for entry in entries}
    assert len(names) == len(entries)
    asked = [q["question"] for entry in entries for q in entry["questions"]]
    assert len(set(asked)) == len(asked)
    for entry in entries:
        assert entry["group"] in names
        for question in entry["questions"]:
            answer = question["answer"]
            assert question["lang"] in ("fr", "en")
            assert answer is None or entry["text"].startswith(answer, question["start"]), question
            if added := question.get("counterpart"):
                assert added["sentence"].count(added["answer"]) == 1
                assert entry["text"][: added["place"]].strip()[-1:] in ".!?…»”)"


def test_the_form_of_a_question_does_not_tell_whether_it_has_an_answer(
    entries: list[dict[str, Any]],
) -> None:
    """Else the cross-encoder would learn to refuse by the form. The words of the question alone,
    without names, classified by naive Bayes, folds by group; each question with an answer as often
    as it is shown with one.
    """
    chance = np.random.default_rng(SEED)
    asked = [(entry, question) for entry in entries for question in entry["questions"]]
    texts = [re.sub(r"(?<=\s)\S*[A-Z]\S*", "NAME", q["question"]).lower() for _, q in asked]
    assert all(("counterpart" in q) == (q["answer"] is None) for _, q in asked)
    shown_alone = _REMOVED_SHARE * (1 - _BESIDE_SHARE)
    unanswerable = [
        chance.random() < (1 - _COUNTERPART_SHARE if q["answer"] is None else shown_alone)
        for _, q in asked
    ]
    model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), MultinomialNB(alpha=0.3))
    found = cross_val_predict(
        model,
        texts,
        unanswerable,
        groups=[entry["group"] for entry, _ in asked],
        cv=GroupKFold(5),
        method="predict_proba",
    )
    assert roc_auc_score(unanswerable, found[:, 1]) < 0.6


def test_held_out_articles_are_the_same_in_every_set(embedder: Embedder, data: Path) -> None:
    held = []
    for argument in (f"fr={data}/piaf-train.json", f"en={data}/xquad.en.json,{data}/xquad.de.json"):
        with open_set(argument, embedder) as (snapshot, questions):
            held.append({TOWNS[question.article] for question in questions if question.held_out})
            for question in questions:
                (own,) = [p for p in snapshot.passages if question.is_answered_by(p)]
                assert question.answer
                assert own.text[question.start :].startswith(question.answer)
    assert held[0] == held[1]
    assert 0 < len(held[0]) < len(TOWNS)


def test_examples_are_the_same_each_time_and_not_of_held_out_articles(
    examples: Examples, embedder: Embedder
) -> None:
    _, tokenizer = embedder.backbone()

    def decode(ids: list[int]) -> str:
        return "".join(tokenizer.convert_ids_to_tokens(ids)).replace("▁", " ")

    batches = examples.batches(0, 24)
    again = examples.batches(0, 24)
    assert [[g.scores for g in b] for b in batches] == [[g.scores for g in b] for b in again]
    held = {
        decode(group.texts[0].ids)
        for pair in (("piaf-train",) * 2, ("xquad.en",) * 2)
        for group in examples.held_out(pair, 100)
    }
    towns = {town for town in TOWNS if any(town in text for text in held)}
    assert towns
    shown = {True: 0, False: 0}
    for batch in [*batches, *examples.batches(1, 24), *examples.batches(2, 24)]:
        assert sum(len(group.texts) for group in batch) <= 24
        for group in batch:
            texts = [decode(text.ids) for text in group.texts]
            assert not any(town.lower() in text.lower() for text in texts for town in towns)
            # The price of the museum's ticket is nowhere, but in what is added.
            priced = "coûte" in texts[0].split("</s>")[0]
            assert priced or not any("billet" in text for text in texts)
            if priced:
                shown[group.span is not None] += 1
                assert "musée" in texts[0].split("</s>")[-2]
                assert ("billet" in texts[0]) == (group.span is not None)
            if group.span is None:
                continue
            first, last = group.span
            right, *wrong = texts
            answer = decode(group.texts[0].ids[first : last + 1]).strip()
            assert answer.isdigit()
            assert answer in right
            assert all(answer not in text.split("</s>")[-2] for text in wrong)
    assert min(shown.values()) > 0


def test_a_training_that_was_interrupted_ends_as_one_that_was_not(
    examples: Examples, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "WARM_UP", 2)
    learn = trainer.Training._learn
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    recipe = trainer.Recipe(epochs=2, rank=8)
    trainer.Training(embedder, examples, whole, recipe).run()
    calls: Iterator[int] = iter(range(100))
    each = len(examples.batches(0, recipe.texts))

    def interrupted(training: trainer.Training, *given: object) -> None:
        if next(calls) == each:
            raise KeyboardInterrupt
        learn(training, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer.Training, "_learn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.Training(embedder, examples, parts, recipe).run()
    monkeypatch.setattr(trainer.Training, "_learn", learn)
    trainer.Training(embedder, examples, parts, recipe).run()
    ends = [load_file(folder / "cross_encoder.safetensors") for folder in (whole, parts)]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    # Another training does not go on from there.
    other = trainer.Recipe(epochs=2, rank=8, rate=1e-3)
    with pytest.raises(SystemExit, match="state of another training"):
        trainer.Training(embedder, examples, parts, other).run()
    # What is written is what the service loads.
    assert CrossEncoder(embedder, whole / "cross_encoder.safetensors")


def test_examples_are_kept_for_another_training(
    examples: Examples, embedder: Embedder, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.fit.sets.WRITTEN", data / "written.jsonl")
    monkeypatch.setattr("qa.fit.sets.WRITTEN_ON_SETS", data / "written_on_sets.jsonl")
    kept = data / "examples.pickle"
    with monkeypatch.context() as patch:
        patch.delattr("qa.fit.finding._find")
        again = Examples(embedder, data, kept)
        assert again.batches(0, 24) == examples.batches(0, 24)
        # Of other sets they are made anew.
        (data / "written.jsonl").write_text(
            (data / "written.jsonl").read_text(encoding="utf-8") + "\n", encoding="utf-8"
        )
        with pytest.raises(NameError, match="_find"):
            Examples(embedder, data, kept)


def test_a_training_starts_from_weights_of_its_rank(
    examples: Examples, embedder: Embedder, tmp_path: Path
) -> None:
    """The first step's rate is so small that half precision tells no difference."""
    recipe = trainer.Recipe(epochs=1, rank=32, rate=1e-12)
    trainer.Training(embedder, examples, tmp_path, recipe, start=RERANKER_WEIGHTS).run()
    before, after = load_file(RERANKER_WEIGHTS), load_file(tmp_path / "cross_encoder.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    with pytest.raises(SystemExit, match="of another recipe"):
        trainer.Training(
            embedder, examples, tmp_path, trainer.Recipe(epochs=1, rank=8), start=RERANKER_WEIGHTS
        )


def test_the_scripts_print_the_weights_that_the_service_holds(
    model_path: str,
    data: Path,
    examples: Examples,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the small sets; `examples` has written ours."""
    monkeypatch.setattr("qa.fit.sets.WRITTEN", data / "written.jsonl")
    monkeypatch.setattr("qa.fit.sets.WRITTEN_ON_SETS", data / "written_on_sets.jsonl")
    sets = [
        "written",
        f"fr=written,{data}/piaf-train.json",
        f"fr={data}/piaf-train.json",
        f"en={data}/xquad.en.json,{data}/xquad.de.json",
    ]
    found = {}
    for script, arguments in (
        (fusion, []),
        (reader_fit, []),
        (reader_fit, ["--reranker", "none"]),
    ):
        monkeypatch.setattr("sys.argv", ["fit", "--model", model_path, *arguments, *sets])
        script.main()
        lines = capsys.readouterr().out.splitlines()
        pairs = [line.split(": ") for line in lines if re.fullmatch(r"[\w ,]+: -?[\d.]+", line)]
        found[script, bool(arguments)] = [name for name, _ in pairs]
        assert all(np.isfinite(float(value)) for _, value in pairs)
    assert found[fusion, False] == ["passage cosine", "sentence cosine", "coverage", "temperature"]
    with_reranker, alone = found[reader_fit, False], found[reader_fit, True]
    for printed, tables in (
        (
            with_reranker,
            {
                "ranking": [*reranker._WEIGHTS_ALONE, *reranker._WEIGHTS],
                "sentence": reader._JUDGED_SENTENCE_WEIGHTS,
                "confidence": reader._JUDGED_CONFIDENCE_WEIGHTS,
            },
        ),
        (
            alone,
            {
                "sentence": reader._SENTENCE_WEIGHTS,
                "confidence": reader._CONFIDENCE_WEIGHTS,
            },
        ),
    ):
        for title, names in tables.items():
            own = [name for name in printed if name.startswith(f"{title}, ")]
            assert own == [f"{title}, {name}" for name in names]


def test_fitted_weights_make_the_right_candidates_likeliest() -> None:
    chance = np.random.default_rng(0)
    true = np.array([3.0, 1.0, -0.5])
    choices = []
    for _ in range(3000):
        features = chance.normal(size=(5, 3))
        odds = np.exp(features @ true)
        right = np.zeros(5, bool)
        right[chance.choice(5, p=odds / odds.sum())] = True
        choices.append(Choice(features, right))
    assert fit_choice(choices) == pytest.approx(true, abs=0.2)
    positive = fit_choice(choices, positive=True)
    assert 0 < positive[2] < 0.05
    assert positive[:2] == pytest.approx(true[:2], abs=0.3)


def test_every_answer_written_on_the_published_sets_is_where_it_is_said_to_be() -> None:
    """Their texts are not here: of each answer its place is known, and of no answer none."""
    asked = [json.loads(line) for line in WRITTEN_ON_SETS.read_text(encoding="utf-8").splitlines()]
    assert len({(entry["paragraph"], entry["question"]) for entry in asked}) == len(asked)
    for entry in asked:
        assert entry["lang"] in ("fr", "en")
        assert len(entry["paragraph"]) == DIGEST_DIGITS
        assert entry["start"] >= 0
        assert entry["answer"] is None or entry["answer"].strip() == entry["answer"]
        assert ("counterpart" in entry) == (entry["answer"] is None)
