from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evals import ablation, ablation_lexical, load_run
from evals.ablation_lexical import analyse, keywords, misspell
from index import Embedder, terms
from tests.conftest import INTERVIEW, QUESTIONS

TEXTS = ["L’Inserm compte 1 600 personnes à l'hôpital.", "The founding members’ 70,000 m²"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_nothing_left_out_is_what_the_index_does(text: str, language: str) -> None:
    assert analyse(text, language) == terms(text, language)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("stemming", "inserm compte 1600 personnes hopital"),
        ("accents folded", "inserm compt 1600 person hôpital"),
        ("stop words", "l inserm compt 1600 person a l hopital"),
        ("apostrophes parted", "l’inserm compt 1600 person hopital"),
        ("numbers joined", "inserm compt 1 600 person hopital"),
    ],
)
def test_each_choice_can_be_undone(choice: str, expected: str) -> None:
    assert " ".join(analyse(TEXTS[0], "fr", choice)) == expected


def test_compounds_are_parted() -> None:
    assert analyse("Le Val-de-Grâce", "fr") == ["val", "grac"]
    assert analyse("Le Val-de-Grâce", "fr", "hyphens parted") == ["val-de-grac"]


def test_a_typing_error_changes_one_word_a_little() -> None:
    question = "Combien de personnes travaillent ici ?"
    chance = np.random.default_rng(1)
    found = [misspell(question, chance) for _ in range(50)]
    assert len(set(found)) > 40
    for misspelt in found:
        pairs = zip(question.split(), misspelt.split(), strict=True)
        changed = [(one, other) for one, other in pairs if one != other]
        assert len(changed) <= 1
        assert all(abs(len(one) - len(other)) <= 1 for one, other in changed)
    assert misspell("Où est-il ?", chance) == "Où est-il ?"
    assert keywords("Combien de personnes à l'Inserm ?") == "personnes inserm"


def test_every_stage_is_measured(
    model_path: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    tmp_path: Path,
) -> None:
    arguments = [f"{QUESTIONS}={INTERVIEW}", "--home", str(home), "--model", model_path]
    arguments += ["--runs", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["ablation", *arguments, "--limit", "6"])
    ablation.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[0] for row in cells[2:]] == ["lexical", "dense", "hybrid", "hybrid, reranked"]
    assert all(len(row) == len(cells[0]) for row in cells)
    assert cells[2][-3:-1] == ["", ""]
    assert all(float(row[-1]) > 0 for row in cells[2:])
    reranked = load_run(tmp_path / "interview.jsonl-hybrid-reranked.json")
    assert (reranked.n, reranked.reranker) == (6, "embedded")
    assert cells[-1][1].startswith(f"{reranked.retrieval['success@1'].value:.3f} (")


def test_lexical_choices_are_measured_on_a_set_with_its_passages(
    model_path: str,
    embedder: Embedder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paragraphs = [
        ("La tour mesure 1 600 mètres.", "Quelle hauteur mesure la tour ?", "1 600 mètres")
    ]
    paragraphs += [("Le pont date de 1905.", "De quand date le pont ?", "1905")]
    squad = {
        "version": "1.1",
        "data": [
            {
                "title": "Ville",
                "paragraphs": [
                    {
                        "context": context,
                        "qas": [
                            {
                                "id": f"q{number}",
                                "question": question,
                                "answers": [
                                    {"text": answer, "answer_start": context.index(answer)}
                                ],
                            }
                        ],
                    }
                ],
            }
            for number, (context, question, answer) in enumerate(paragraphs)
        ],
    }
    path = tmp_path / "small.json"
    path.write_text(json.dumps(squad), encoding="utf-8")
    arguments = [str(path), "--home", str(tmp_path), "--model", model_path]
    monkeypatch.setattr("sys.argv", ["ablation_lexical", *arguments])
    ablation_lexical.main()
    with pytest.raises(SystemExit, match="does not carry its passages"):
        ablation.open_set(str(QUESTIONS), embedder, tmp_path)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert rows[1].startswith("| as it is | 1.000 / 1.000 |")
    assert len(rows) == 11
