"""Fuzz the HTTP API: requests by the thousand, valid and not, made from its OpenAPI document.

    python -m tests.api.fuzz --cases 5000

A service of its own answers them, from a few documents. No answer may be a server error, or one
that the OpenAPI document does not describe, and what the document rules out must be refused.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from schemathesis import Case, Config, HookContext, Response
from schemathesis.engine import events, from_schema

from corpus import load_corpus
from index import Embedder, SnapshotStore, build_snapshot, embedding_model
from tests.api.conftest import Server, wait_for
from tests.conftest import CHUNKING, DOCUMENTS

CHANGING = (
    "POST /documents",
    "DELETE /documents/{document_id}",
    "POST /index/rebuild",
    "POST /index/rollback",
    "POST /jobs/{job_id}/cancel",
)

# Refuse by more than a schema can say: fields that there are, the order of two numbers, the names
# of files, one message of the user among others.
_JUDGING = (
    "GET /documents/{document_id}/text",
    "POST /ask",
    "POST /documents",
    "POST /search",
    "POST /v1/chat/completions",
)
_SOURCES = [DOCUMENTS / "overview-en.md", DOCUMENTS / "chronologie.pdf"]
_REBUILD = "POST /index/rebuild"
_ROLLBACK = "POST /index/rollback"
_REBUILDS = 5
_MOST_SECONDS = 1800
_SEED = 20211214


@dataclass
class Findings:
    """How the service answered.

    Attributes:
        answered: Cases, by operation and class of status (2 to 5).
        failures: What is wrong, with a command that shows it: the first of each kind.
    """

    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    def show(self) -> None:
        operations = sorted({operation for operation, _ in self.answered})
        print(f"{'cases by class of status':40}{'2xx':>7}{'3xx':>7}{'4xx':>7}{'5xx':>7}")
        for operation in operations:
            row = "".join(f"{self.answered[operation, kind]:7}" for kind in range(2, 6))
            print(f"{operation:40}{row}")
        for failure in self.failures.values():
            print(f"\n{failure}")
        cases, failures = self.answered.total(), len(self.failures)
        print(f"\n{cases} cases, {len(operations)} operations, {failures} failures")


def _operations(client: httpx.Client) -> dict[str, bool]:
    """The operations of a service, and whether there is something to vary in each."""
    return {
        f"{method.upper()} {path}": "parameters" in operation or "requestBody" in operation
        for path, methods in client.get("/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
    }


def fuzz(
    client: httpx.Client,
    findings: Findings,
    *,
    without: Collection[str],
    examples: int,
    seed: int = _SEED,
    coverage: bool = True,
) -> None:
    """Put cases to the operations of a service, and check every response.

    Args:
        client: Of the service.
        findings: What is found is added to them.
        without: Operations to leave out.
        examples: How many random cases each operation gets.
        seed: Of the random cases.
        coverage: Also put the many cases that follow from the OpenAPI document alone.
    """
    config = Config.from_dict(_configure(client, examples, seed, coverage))
    described = schemathesis.openapi.from_dict(_name_uploads(client), config=config)
    schema = described.exclude(name=list(without))

    def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
        # Each is a process of its own; updates join one that has not begun.
        if case.operation.label == _REBUILD and response.status_code == 202:
            job = response.headers["location"][0]
            client.post(f"{job}/cancel")
            wait_for(lambda: client.get(job).json()["finished_at"] is not None)

    schema.hook(after_call)
    stream = from_schema(schema).execute()
    end = time.monotonic() + _MOST_SECONDS
    for event in stream:
        _note(event, findings)
        if time.monotonic() > end:
            findings.failures["", "time"] = f"Not done within {_MOST_SECONDS} s."
            stream.stop()
    print(file=sys.stderr)


def _configure(client: httpx.Client, examples: int, seed: int, coverage: bool) -> dict[str, Any]:
    off = {"enabled": False}
    phase = {"enabled": coverage}
    known = {
        "documents": [each["id"] for each in client.get("/documents").json()["documents"]],
        "jobs": [each["id"] for each in client.get("/jobs").json()["jobs"]],
        "models": [each["id"] for each in client.get("/v1/models").json()["data"]],
        "offsets": [0, 10, 20],
        "versions": [each["version"] for each in client.get("/index").json()["versions"]],
    }

    def half(**parameters: str) -> dict[str, Any]:
        """Half of the values of these parameters are known ones."""
        return {
            name.replace("_", ".", 1): {"dictionary": dictionary, "probability": 0.5}
            for name, dictionary in parameters.items()
            if known[dictionary]
        }

    return {
        "base-url": str(client.base_url).rstrip("/"),
        "seed": seed,
        "continue-on-failure": True,
        "request-timeout": 60,
        "cache": off,
        "output": {"sanitization": off},
        "generation": {"max-examples": examples, "database": "none"},
        "dictionaries": {name: {"values": values} for name, values in known.items() if values},
        "parameters": half(
            path_document_id="documents",
            path_job_id="jobs",
            path_model="models",
            body_model="models",
            body_version="versions",
            query_start="offsets",
            query_end="offsets",
        ),
        "operations": [
            {
                "include-name": _REBUILD,
                "generation": {"max-examples": min(examples, _REBUILDS)},
            },
            {"include-name": list(_JUDGING), "checks": {"positive_data_acceptance": off}},
        ],
        # With every check that there is. Three have nothing to find: `ignored_auth`, as a service
        # without keys asks for none, and those on what was made or removed before, of the stateful
        # phase, as here a job makes and removes.
        "phases": {"examples": phase, "coverage": phase, "stateful": off},
    }


def _name_uploads(client: httpx.Client) -> dict[str, Any]:
    """The OpenAPI document, with a name for files: that of a format is not to be guessed."""
    document: dict[str, Any] = client.get("/openapi.json").json()
    body = document["paths"]["/documents"]["post"]["requestBody"]["content"]["multipart/form-data"]
    disposition = {"schema": {"type": "string"}, "example": 'form-data; filename="fuzz.md"'}
    body["encoding"] = {"files": {"headers": {"Content-Disposition": disposition}}}
    return document


def _note(event: events.EngineEvent, findings: Findings) -> None:
    if isinstance(event, events.NonFatalError):
        sample = event.info.code_sample or ""
        text = f"{event.label}: {event.info.title}\n{event.info.message}\n{sample}"
        findings.failures.setdefault((event.label, event.info.title), text)
    if not isinstance(event, events.ScenarioFinished):
        return
    label = event.recorder.label
    for interaction in event.recorder.interactions.values():
        if interaction.response is not None:
            findings.answered[label, interaction.response.status_code // 100] += 1
    for check in (check for checks in event.recorder.checks.values() for check in checks):
        if check.failure_info is not None:
            failure = check.failure_info.failure
            text = f"{label}: {failure.title} ({check.name})\n{failure.message}\n"
            text += check.failure_info.code_sample
            findings.failures.setdefault((label, f"{check.name} {failure.title}"), text)
    print(f"\r{findings.answered.total()} cases", end="", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=5000, help="at least; default: 5000")
    parser.add_argument("--seed", type=int, default=_SEED)
    parser.add_argument("--home", type=Path, default=Path("var"), help="where the model is")
    arguments = parser.parse_args()
    model = embedding_model(None, arguments.home.resolve() / "models")
    findings = Findings()
    embedder = Embedder.load(model)
    with tempfile.TemporaryDirectory() as folder:
        store = SnapshotStore(Path(folder) / "index")
        # Two versions, so that there is one to go back to.
        for sources in (_SOURCES[:1], _SOURCES):
            documents = load_corpus(sources).documents
            build_snapshot(documents, embedder, store, CHUNKING, sources=sources)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CAMPUS_QA_")}
        environment |= {
            "CAMPUS_QA_HOME": folder,
            "CAMPUS_QA_EMBEDDING_MODEL": model,
            "CAMPUS_QA_LOG_LEVEL": "warning",
            # It takes nine tenths of the time of an answer, and changes nothing of its form.
            "CAMPUS_QA_RERANKER": "none",
        }
        server = Server(environment)
        try:
            _fuzz_all(server.client, store, findings, arguments.cases, arguments.seed)
        finally:
            server.stop()
    findings.show()
    if findings.answered.total() < arguments.cases:
        sys.exit(f"That is less than {arguments.cases} cases.")
    sys.exit(1 if findings.failures else 0)


def _fuzz_all(
    client: httpx.Client, store: SnapshotStore, findings: Findings, cases: int, seed: int
) -> None:
    known = _operations(client)
    # Cases that are not random make up for the rebuilds, which are few.
    examples = -(-cases // sum(known.values()))
    others = known.keys() - {_ROLLBACK}
    fuzz(client, findings, without=others, examples=examples, seed=seed)
    # No job gets to work while this holds the index: what is removed is there to be found again.
    with store.lock():
        client.post("/documents", files={"files": ("salle.md", b"La salle compte 12 fauteuils.")})
        fuzz(client, findings, without=[_ROLLBACK], examples=examples, seed=seed)
        # Where the known values alone are drawn for an operation, it soon runs out of cases.
        while (missing := cases - findings.answered.total()) > 0 and not findings.failures:
            seed += 1
            examples = -(-missing // sum(known.values()))
            fuzz(
                client,
                findings,
                without=[_ROLLBACK],
                examples=examples,
                seed=seed,
                coverage=False,
            )


if __name__ == "__main__":
    main()
