from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from index import SnapshotStore
from qa import Answer, SearchResult
from tests.api.conftest import COMMAND, Environment, RunCommand
from tests.conftest import DOCUMENTS, QUESTIONS

INTERVIEW = str(DOCUMENTS / "interview-antoine-tesniere.txt")
COMMANDS = [
    "index build",
    "index update",
    "index status",
    "index list",
    "index verify",
    "index rollback",
    "ask",
    "search",
    "eval",
    "eval check",
    "compare",
    "serve",
    "mcp",
    "keys create",
    "keys list",
    "keys revoke",
    "doctor",
]


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
        ["eval"],
        ["eval", "set.jsonl", "--mode", "magic"],
        ["compare", "a.json"],
        ["serve", "--port", "99999"],
        ["keys", "create", "x", "--scope", "all"],
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
        ["index", "list"],
        ["index", "verify"],
        ["index", "rollback"],
        ["ask", "Qui ?"],
        ["index", "build", "nowhere"],
        ["index", "update", "nowhere"],
        ["eval", "nowhere.jsonl"],
        ["eval", "check", "nowhere.jsonl"],
        ["compare", "nowhere.json", "nowhere.json"],
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


def test_build_status_verify(run_here: RunCommand, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    built = run_here("index", "build", INTERVIEW, "--json", CAMPUS_QA_HOME=home)
    assert built.returncode == 0, built.stderr
    manifest = json.loads(built.stdout)
    assert manifest["counts"]["documents"] == 1
    assert manifest["failures"] == []
    status = json.loads(run_here("index", "status", "--json", CAMPUS_QA_HOME=home).stdout)
    assert status["version"] == manifest["version"]
    verified = run_here("index", "verify", "--json", CAMPUS_QA_HOME=home)
    expected = {"version": manifest["version"], "ok": True, "problems": []}
    assert json.loads(verified.stdout) == expected
    assert "is whole" in run_here("index", "verify", CAMPUS_QA_HOME=home).stdout
    damaged = tmp_path / "home" / "index" / "snapshots" / manifest["version"] / "documents.jsonl"
    damaged.write_text(damaged.read_text().replace("santé", "SANTÉ"))
    verified = run_here("index", "verify", "--json", CAMPUS_QA_HOME=home)
    assert verified.returncode == 1
    assert json.loads(verified.stdout)["problems"] == ["documents.jsonl is not as it was written"]


def test_update_list_rollback(run_here: RunCommand, tmp_path: Path) -> None:
    home = {"CAMPUS_QA_HOME": str(tmp_path / "home")}
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.md").write_text("# Atelier\n\nL’atelier compte 12 tables.", encoding="utf-8")
    (folder / "b.csv").write_text("Salle;Places\nCurie;30\nPasteur;45\n", encoding="utf-8")
    first = json.loads(run_here("index", "build", str(folder), "--json", **home).stdout)
    assert first["sources"] == [str(folder)]
    assert first["embedded"]["passages"] == 2
    unchanged = run_here("index", "update", **home)
    assert unchanged.returncode == 0
    assert "nothing has changed" in unchanged.stdout
    (folder / "a.md").write_text("# Atelier\n\nL’atelier compte 13 tables.", encoding="utf-8")
    second = json.loads(run_here("index", "update", "--json", **home).stdout)
    assert second["changed"]
    assert second["embedded"] == {"passages": 1, "sentences": 1}
    assert "13 tables" in run_here("ask", "Combien de tables compte l’atelier ?", **home).stdout
    listed = json.loads(run_here("index", "list", "--json", **home).stdout)
    assert [(e["version"], e["current"]) for e in listed] == [
        (first["version"], False),
        (second["version"], True),
    ]
    back = json.loads(run_here("index", "rollback", "--json", **home).stdout)
    assert back["version"] == first["version"]
    assert f"* {first['version']}" in run_here("index", "list", **home).stdout
    assert "12 tables" in run_here("ask", "Combien de tables compte l’atelier ?", **home).stdout
    verified = json.loads(run_here("index", "verify", "--all", "--json", **home).stdout)
    assert [entry["ok"] for entry in verified] == [True, True]
    named = run_here("index", "rollback", second["version"], **home)
    assert second["version"] in named.stdout
    (folder / "b.csv").unlink()
    third = json.loads(run_here("index", "update", "--json", **home).stdout)
    assert third["counts"]["documents"] == 1
    assert third["embedded"] == {"passages": 0, "sentences": 0}


def test_a_second_builder_says_that_it_waits(
    run_command: RunCommand, environment: Environment, tmp_path: Path
) -> None:
    store = SnapshotStore(tmp_path / "index")
    command = [str(COMMAND), "index", "build", INTERVIEW]
    with store.lock():
        second = subprocess.Popen(
            command,
            env={**environment, "CAMPUS_QA_HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr is not None
        assert "waiting" in second.stderr.readline()
        assert store.versions() == []
    assert second.wait(timeout=120) == 0
    assert len(store.versions()) == 1


def test_interrupted_a_build_leaves_the_index_as_it_is(
    environment: Environment, tmp_path: Path
) -> None:
    """Ctrl-C in a terminal, where the progress bar is."""
    store = SnapshotStore(tmp_path / "index")
    notes = "\n\n".join(f"## Salle {i}\n\nLa salle {i} compte {i * 3} places." for i in range(900))
    (tmp_path / "notes.md").write_text(notes, encoding="utf-8")
    ours, theirs = pty.openpty()
    build = subprocess.Popen(
        [COMMAND, "index", "build", str(tmp_path / "notes.md")],
        env={**environment, "CAMPUS_QA_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        # The tests themselves may run in the background, where Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(theirs)
    shown = b""
    while b"embedding passages" not in shown:
        shown += os.read(ours, 4096)
    assert b"reading documents" in shown
    build.send_signal(signal.SIGINT)
    while b"stopped: the index is as it was" not in shown:
        shown += os.read(ours, 4096)
    assert build.wait(timeout=60) == 1
    os.close(ours)
    assert store.versions() == []
    assert list(store.root.glob("building-*")) == []


def test_build_names_what_it_could_not_read(run_here: RunCommand, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    shutil.copy(INTERVIEW, folder)
    (folder / "scan.tiff").write_bytes(b"II*\x00")
    built = run_here("index", "build", str(folder), CAMPUS_QA_HOME=str(tmp_path / "home"))
    assert built.returncode == 1
    assert "scan.tiff" in built.stderr
    assert "1 documents" in built.stdout


def test_ask_and_search(run_command: RunCommand, run_here: RunCommand) -> None:
    question = "Combien de personnes travaillent à PariSanté Campus ?"
    done = run_command("ask", question, "--json", "--top-k", "2")
    answer = Answer.model_validate_json(done.stdout)
    assert "plus de 1 600 personnes" in answer.answer
    assert len(answer.passages) == 2
    shown = run_here("ask", question).stdout
    assert answer.answer in shown
    assert f"characters {answer.citations[0].start}-{answer.citations[0].end}" in shown
    refused = run_here("ask", "Quelle est la recette du bœuf bourguignon ?")
    assert refused.returncode == 0
    assert "Nearest passages" in refused.stdout
    found = run_here("search", "Bpifrance", "--mode", "lexical", "--json")
    assert len(SearchResult.model_validate_json(found.stdout).passages) == 1
    assert "Bpifrance" in run_here("search", "Bpifrance", "--top-k", "1").stdout


def test_the_reranker_is_a_setting(run_here: RunCommand) -> None:
    question = "Combien de personnes travaillent sur le campus ?"
    bare = run_here("search", question, "--json", CAMPUS_QA_RERANKER="none")
    assert SearchResult.model_validate_json(bare.stdout).timings_ms.rerank == 0
    full = SearchResult.model_validate_json(run_here("search", question, "--json").stdout)
    assert full.timings_ms.rerank > 0
    assert 0 <= full.passages[-1].score <= full.passages[0].score <= 1
    missing = run_here("ask", question, CAMPUS_QA_RERANKER="/no/such/model")
    assert missing.returncode == 1
    assert missing.stderr.startswith("error: the reranker '/no/such/model' cannot be loaded")


def test_filters_on_the_command_line(run_here: RunCommand) -> None:
    found = run_here("search", "Bpifrance", "--json", "--filter", "date=2024..2025")
    passages = SearchResult.model_validate_json(found.stdout).passages
    assert passages
    name = passages[0].document_id
    same = run_here(
        *("search", "Bpifrance", "--json", "--filter", f"document_id={name}"),
        *("--filter", "document_id=other"),
    )
    assert SearchResult.model_validate_json(same.stdout).passages == passages
    none = run_here("search", "Bpifrance", "--filter", "date=..1999")
    assert "No passage found" in none.stdout
    for command in ("ask", "search"):
        unknown = run_here(command, "Qui ?", "--filter", "nonsense=1")
        assert unknown.returncode == 1
        assert "no document has the field 'nonsense'" in unknown.stderr
        assert run_here(command, "Qui ?", "--filter", "language").returncode == 2


def test_eval_on_a_corpus_of_its_own(run_here: RunCommand, tmp_path: Path) -> None:
    home = {"CAMPUS_QA_HOME": str(tmp_path), "CAMPUS_QA_RERANKER": "none"}
    done = run_here("eval", str(QUESTIONS), "--corpus", INTERVIEW, "--json", "-", **home)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["n"] == 24
    assert set(result["answer"]) >= {"hit", "exact_match", "f1"}
    assert set(result["answer"]["hit"]) == {"value", "low", "high"}
    assert not (tmp_path / "index").exists()
    target, page = tmp_path / "run.json", tmp_path / "run.html"
    again = run_here(
        *("eval", str(QUESTIONS), "--corpus", INTERVIEW, "--mode", "dense", "--limit", "3"),
        *("--json", str(target), "--html", str(page)),
        **home,
    )
    assert "answer.hit" in again.stdout
    limited = json.loads(target.read_text())
    assert (limited["n"], limited["mode"]) == (3, "dense")
    assert limited["index_version"] == result["index_version"]
    assert page.read_text().startswith("<!doctype html>")
    for bad, message in (
        (tmp_path / "no" / "x.html", "there is no folder"),
        (tmp_path, "a folder"),
    ):
        lost = run_here("eval", str(QUESTIONS), "--html", str(bad))
        assert lost.returncode == 1
        assert message in lost.stderr


def test_eval_on_a_set_that_carries_its_passages(run_here: RunCommand, tmp_path: Path) -> None:
    question = {
        "id": "1",
        "question": "Combien de livres la bibliothèque prête-t-elle ?",
        "answers": [{"text": "huit livres", "answer_start": 23}],
    }
    paragraph = {"context": "La bibliothèque prête  huit livres.", "qas": [question]}
    squad = tmp_path / "set.json"
    squad.write_text(json.dumps({"data": [{"title": "T", "paragraphs": [paragraph]}]}))
    home = {"CAMPUS_QA_HOME": str(tmp_path)}
    for corpus in ([], ["--corpus", str(squad)]):
        done = run_here("eval", str(squad), "--json", "-", *corpus, **home)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["retrieval"]["recall@1"]["value"] == 1
    none = run_here("eval", str(QUESTIONS), "--corpus", str(QUESTIONS), **home)
    assert none.returncode == 1
    assert "carries no passages" in none.stderr


def test_eval_check_finds_what_the_corpus_does_not_hold(
    run_here: RunCommand, tmp_path: Path
) -> None:
    sound = run_here("eval", "check", str(QUESTIONS), "--corpus", INTERVIEW)
    assert sound.returncode == 0, sound.stderr
    assert "24 questions, 25% unanswerable" in sound.stdout
    broken = tmp_path / "set.jsonl"
    line = QUESTIONS.read_text().splitlines()[0]
    broken.write_text(line.replace("1 600", "1 700"))
    found = run_here("eval", "check", str(broken), "--json")
    assert found.returncode == 1
    messages = [finding["message"] for finding in json.loads(found.stdout)["findings"]]
    assert any("'1 700' is not in the corpus" in message for message in messages)


def test_compare_is_a_gate(run_here: RunCommand, tmp_path: Path) -> None:
    runs = {"a.json": "0.02", "b.json": "0.9999"}
    for name, threshold in runs.items():
        run_here(
            *("eval", str(QUESTIONS), "--limit", "8", "--json", str(tmp_path / name)),
            CAMPUS_QA_MIN_CONFIDENCE=threshold,
            CAMPUS_QA_RERANKER="none",
        )
    paths = [str(tmp_path / name) for name in runs]
    told = run_here("compare", *paths)
    assert told.returncode == 0, told.stderr
    assert "Worse in b" in told.stdout
    assert "accepted: " in told.stdout
    gate = run_here("compare", *paths, "--json", "--fail-if", "answer.hit drops")
    assert gate.returncode == 1
    assert re.match(r"failed: answer\.hit drops: [01]\S* in the first run, 0 in", gate.stderr)
    assert json.loads(gate.stdout)["n"] == 8
    assert run_here("compare", *paths, "--fail-if", "answer.hit rises").returncode == 0
    assert run_here("compare", *paths, "--fail-if", "hit falls").returncode == 2
    assert run_here("compare", paths[0], str(tmp_path / "no.json")).returncode == 1
