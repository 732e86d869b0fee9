from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from qa import Answer, SearchResult
from tests.api.conftest import RunCommand
from tests.conftest import DOCUMENTS, QUESTIONS

INTERVIEW = str(DOCUMENTS / "interview-antoine-tesniere.txt")
COMMANDS = ["index build", "index status", "index verify", "ask", "search", "eval", "serve"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run_command: RunCommand, command: str) -> None:
    done = run_command(*command.split(), "--help")
    assert done.returncode == 0
    assert f"Example: campus-qa {command}" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["ask"],
        ["ask", "  "],
        ["ask", "\udc80 ?"],
        ["ask", "x" * 2001],
        ["ask", "Qui ?", "--top-k", "0"],
        ["ask", "Qui ?", "--mode", "magic"],
        ["search", "x", "--mode", "magic"],
        ["serve", "--port", "99999"],
    ],
)
def test_bad_usage_is_status_2(run_command: RunCommand, arguments: list[str]) -> None:
    done = run_command(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr


def test_a_bad_setting_is_named(run_command: RunCommand) -> None:
    done = run_command("index", "status", CAMPUS_QA_MIN_CONFIDENCE="lots")
    assert done.returncode == 2
    assert "CAMPUS_QA_MIN_CONFIDENCE" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["index", "status"],
        ["index", "verify"],
        ["ask", "Qui ?"],
        ["index", "build", "nowhere"],
        ["eval", "nowhere.jsonl"],
    ],
)
def test_failures_are_status_1_and_one_clear_line(
    run_command: RunCommand, tmp_path: Path, arguments: list[str]
) -> None:
    done = run_command(*arguments, CAMPUS_QA_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_index_of_another_model_stops_the_server_with_one_clear_line(
    run_command: RunCommand, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home / "index", tmp_path / "index")
    manifest = next((tmp_path / "index" / "snapshots").glob("*/manifest.json"))
    manifest.write_text(manifest.read_text().replace('"query: "', '""'))
    for command in (["serve", "--port", "0"], ["ask", "Qui ?"]):
        done = run_command(*command, CAMPUS_QA_HOME=str(tmp_path))
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert "rebuild it with `campus-qa index build`" in done.stderr


def test_a_taken_port_is_an_error_before_anything_is_loaded(run_command: RunCommand) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_command("serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_build_status_verify(run_command: RunCommand, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    built = run_command("index", "build", INTERVIEW, "--json", CAMPUS_QA_HOME=home)
    assert built.returncode == 0, built.stderr
    manifest = json.loads(built.stdout)
    assert manifest["counts"]["documents"] == 1
    assert manifest["failures"] == []
    status = json.loads(run_command("index", "status", "--json", CAMPUS_QA_HOME=home).stdout)
    assert status["version"] == manifest["version"]
    verified = run_command("index", "verify", "--json", CAMPUS_QA_HOME=home)
    expected = {"version": manifest["version"], "ok": True, "problems": []}
    assert json.loads(verified.stdout) == expected
    assert "is whole" in run_command("index", "verify", CAMPUS_QA_HOME=home).stdout
    damaged = tmp_path / "home" / "index" / "snapshots" / manifest["version"] / "documents.jsonl"
    damaged.write_text(damaged.read_text().replace("santé", "SANTÉ"))
    verified = run_command("index", "verify", "--json", CAMPUS_QA_HOME=home)
    assert verified.returncode == 1
    assert json.loads(verified.stdout)["problems"] == ["documents.jsonl is not as it was written"]


def test_build_names_what_it_could_not_read(run_command: RunCommand, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    shutil.copy(INTERVIEW, folder)
    (folder / "scan.tiff").write_bytes(b"II*\x00")
    built = run_command("index", "build", str(folder), CAMPUS_QA_HOME=str(tmp_path / "home"))
    assert built.returncode == 1
    assert "scan.tiff" in built.stderr
    assert "1 documents" in built.stdout


def test_ask_and_search(run_command: RunCommand) -> None:
    question = "Combien de personnes travaillent à PariSanté Campus ?"
    done = run_command("ask", question, "--json", "--top-k", "2")
    answer = Answer.model_validate_json(done.stdout)
    assert "plus de 1 600 personnes" in answer.answer
    assert len(answer.passages) == 2
    shown = run_command("ask", question).stdout
    assert answer.answer in shown
    assert f"characters {answer.citations[0].start}-{answer.citations[0].end}" in shown
    refused = run_command("ask", "Quelle est la recette du bœuf bourguignon ?")
    assert refused.returncode == 0
    assert "Nearest passages" in refused.stdout
    found = run_command("search", "Bpifrance", "--mode", "lexical", "--json")
    assert len(SearchResult.model_validate_json(found.stdout).passages) == 1
    assert "Bpifrance" in run_command("search", "Bpifrance", "--top-k", "1").stdout


def test_eval_on_a_corpus_of_its_own(run_command: RunCommand, tmp_path: Path) -> None:
    home = {"CAMPUS_QA_HOME": str(tmp_path)}
    done = run_command("eval", str(QUESTIONS), "--corpus", INTERVIEW, "--json", "-", **home)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["n"] == 24
    assert set(result["answer"]) == {"hit", "exact_match", "f1"}
    assert set(result["answer"]["hit"]) == {"value", "low", "high"}
    assert not (tmp_path / "index").exists()
    target = tmp_path / "run.json"
    again = run_command(
        "eval", str(QUESTIONS), "--corpus", INTERVIEW, "--json", str(target), "--limit", "3", **home
    )
    assert "answer.hit" in again.stdout
    limited = json.loads(target.read_text())
    assert limited["n"] == 3
    assert limited["index_version"] == result["index_version"]
