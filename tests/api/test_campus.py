"""Python in, cited answers out: the example of the README, and what else the library does."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from api import CampusQA
from corpus import CorpusError, Document
from index import SnapshotError
from qa import Answer, FilterError, ModeError, Retrieved, Said, Turn
from tests.api.conftest import Environment
from tests.conftest import ROOT

QUESTION = "Combien de personnes travaillent à PariSanté Campus ?"


@pytest.fixture(scope="module", autouse=True)
def as_configured(environment: Environment) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """What the example of the README leaves behind, run as it is written there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(
        r"(?:^    from api import CampusQA\n)(?:^    .*\n|^\n(?=    ))*", text, re.M
    )
    names: dict[str, Any] = {}
    exec(re.sub(r"^    ", "", code, flags=re.M), names)
    return names


@pytest.fixture(scope="module")
def qa(example: dict[str, Any]) -> CampusQA:
    found: CampusQA = example["qa"]
    return found


def test_the_example_of_the_readme_answers_with_citations(
    qa: CampusQA, example: dict[str, Any], interview: Document
) -> None:
    answer = qa.ask(QUESTION)
    assert answer.answered
    assert answer.index_version == qa.index_version
    assert answer.citations
    for citation in answer.citations:
        assert interview.text[citation.start : citation.end] == citation.quote


def test_an_answer_comes_as_it_forms(qa: CampusQA) -> None:
    first, *pieces, last = qa.stream(QUESTION)
    assert isinstance(first, Retrieved)
    assert isinstance(last, Answer)
    assert first.passages == last.passages
    assert "".join(piece.text for piece in pieces if isinstance(piece, Said)) == last.answer


def test_several_are_asked_at_once(qa: CampusQA) -> None:
    """And the event loop goes on meanwhile."""
    before = Turn(question="Combien de start-up sont hébergées à PariSanté Campus ?")
    follow_up = "Quel pourcentage d’entre elles travaille sur l’IA ?"

    async def ask() -> tuple[Answer, Answer, int]:
        answers = asyncio.gather(qa.ask_async(QUESTION), qa.ask_async(follow_up, history=[before]))
        found = await qa.search_async("entrepôts de données", top_k=2)
        return *(await answers), len(found.passages)

    first, second, passages = asyncio.run(ask())
    timings = {"timings_ms"}
    assert first.model_dump(exclude=timings) == qa.ask(QUESTION).model_dump(exclude=timings)
    assert second.understood_as == f"{before.question} {follow_up}"
    assert passages == 2


def test_what_is_wrong_is_told(qa: CampusQA) -> None:
    with pytest.raises(ValueError, match="no text in it"):
        qa.ask(" ")
    with pytest.raises(FilterError, match="no document has the field"):
        qa.search("données", filters={"colour": "red"})
    with pytest.raises(ModeError, match="no LLM is configured"):
        qa.ask(QUESTION, mode="generative")


def test_settings_come_from_the_environment_or_by_name(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="campus-qa index build"):
        CampusQA(home=tmp_path)
    with pytest.raises(ValidationError, match="hom"):
        CampusQA(hom=tmp_path)


def test_documents_of_ones_own_are_answered_from(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "library.txt").write_text("La bibliothèque du campus compte 1 000 livres.")
    (notes / "broken.docx").write_bytes(b"not a docx")
    question = "Combien de livres compte la bibliothèque du campus ?"
    home = tmp_path / "home"

    in_memory = CampusQA.from_documents([notes], reranker="none", top_k=1)
    kept = CampusQA.from_documents([notes], home=home, reranker="none")
    for qa in (in_memory, kept):
        answer = qa.ask(question)
        quotes = [citation.quote for citation in answer.citations]
        assert quotes == ["La bibliothèque du campus compte 1 000 livres."]
    assert caplog.text.count("not indexed: broken.docx") == 2
    # Another time the index that was kept is found as it is.
    assert CampusQA(home=home, reranker="none").index_version == kept.index_version
    with pytest.raises(CorpusError, match="does not exist"):
        CampusQA.from_documents([tmp_path / "nothing"])


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    """`campus-qa --help` answers at once."""
    check = "import api, api.cli, sys; assert not {'torch', 'qa', 'mcp'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)
