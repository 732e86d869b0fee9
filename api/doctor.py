"""The doctor: looks at an installation, part by part, and says what to do about what is wrong.

Here nothing of the other rooms is imported above: they may be what is wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from api.settings import Settings
    from index import Snapshot
    from qa import Answerer

_PREFIX = "CAMPUS_QA_"
_SHOWN = ("torch", "transformers", "sentence-transformers", "faiss-cpu", "fastapi")
_INSTALL = "install again what is pinned in constraints.txt: `make setup`"
_LEAST_FREE = 10**9
_PATIENCE = 5.0
_STUCK_AFTER = 1800.0
_MOST_BYTES = 2**20
_LONGEST_QUERY = 300


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What it is.
        state: `failed` if something does not work, `warning` if something may not be as it should.
        found: What was found.
        advice: What to do; None if there is nothing to do.
    """

    name: str
    state: Literal["ok", "warning", "failed"]
    found: str
    advice: str | None = None


def diagnose(host: str, port: int) -> Iterator[Check]:
    """Look at everything, the cheap things first. What cannot be looked at is left out.

    Args:
        host: Where the service is to listen.
        port: Where there.
    """
    yield Check("python", "ok", f"{sys.version.split()[0]}, {sys.executable}")
    packages = _check_packages()
    yield packages
    if packages.state == "failed":
        return
    settings, check = _check_settings()
    yield check
    if settings is None:
        return
    yield _check_home(settings)
    yield _check_access(settings)
    yield _check_port(host, port)
    yield _check_jobs(settings)
    yield _check_ocr()
    yield _check_tracing(settings)
    yield _check_llm(settings)
    snapshot, check = _check_index(settings)
    yield check
    yield from _check_models(settings, snapshot)


def _check_packages() -> Check:
    """Whether all are there in versions that will do, and whether they can be imported."""
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in requires("campus-qa") or ()]
    wanted = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    wrong = []
    for requirement in wanted:
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
        else:
            if not requirement.specifier.contains(installed, prereleases=True):
                wrong.append(f"{requirement.name} is {installed}, not {requirement.specifier}")
    if not wrong:
        try:
            # What a service imports, and what is imported late because it takes long.
            for name in ("api.http", "sentence_transformers"):
                import_module(name)
        except (ImportError, OSError) as error:
            wrong.append(f"{error} (a package is missing or damaged)")
    if wrong:
        return Check("packages", "failed", "; ".join(wrong), _INSTALL)
    shown = ", ".join(f"{name} {version(name)}" for name in _SHOWN)
    return Check("packages", "ok", f"campus-qa {version('campus-qa')}, {shown}")


def _check_settings() -> tuple[Settings | None, Check]:
    from pydantic import ValidationError

    from api.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        wrong = []
        for entry in error.errors():
            name = _PREFIX + "_".join(map(str, entry["loc"])).upper() if entry["loc"] else ""
            wrong.append(f"{name}: {entry['msg']}" if name else entry["msg"])
        advice = "correct these environment variables, or unset them"
        return None, Check("settings", "failed", "; ".join(wrong), advice)
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    given = sorted(name for name in os.environ if name.upper().startswith(_PREFIX))
    unknown = [name for name in given if name.upper() not in known]
    if unknown:
        meant = [m for n in unknown for m in get_close_matches(n.upper(), known, 1)]
        advice = f"unset them; perhaps {', '.join(meant)} was meant" if meant else "unset them"
        found = f"{', '.join(unknown)}: there are no such settings, they do nothing"
        return settings, Check("settings", "warning", found, advice)
    return settings, Check("settings", "ok", ", ".join(given) or "all are the default ones")


def _check_home(settings: Settings) -> Check:
    home = settings.home.absolute()
    place = next(path for path in (home, *home.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free
    except OSError as error:
        advice = f"make it a folder that this user may write to, or set {_PREFIX}HOME to one"
        return Check("home", "failed", f"{home} cannot be written to: {error.strerror}", advice)
    found = f"{home}, {free / 1e9:.1f} GB free"
    if free < _LEAST_FREE:
        advice = "make room: a new index is written beside the old one, and the model takes 0.5 GB"
        return Check("home", "warning", found, advice)
    return Check("home", "ok", found)


def _check_access(settings: Settings) -> Check:
    from api.keys import KeyStoreError, Scope

    try:
        expired = [key.name for key in settings.keys.all() if key.expired]
        asking, writing = (settings.keys.needed_for(scope) for scope in Scope)
    except KeyStoreError as error:
        return Check("access", "failed", str(error), "campus-qa keys --help")
    if expired:
        advice = "create others: campus-qa keys create; then campus-qa keys revoke"
        return Check("access", "warning", f"expired keys: {', '.join(expired)}", advice)
    asks = "those with a key" if asking else "all who can reach the service"
    writes = "those with a key" if writing else "this machine alone"
    return Check("access", "ok", f"{asks} may ask; {writes} may write")


def _check_port(host: str, port: int) -> Check:
    import httpx

    from api.listening import require_free

    try:
        require_free(host, port)
    except OSError as error:
        with suppress(httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError):
            served = httpx.get(f"http://{host}:{port}/readyz", timeout=_PATIENCE, trust_env=False)
            found = f"a service answers on {host}:{port}, from the index "
            return Check("port", "ok", found + served.json()["index_version"])
        return Check("port", "warning", str(error), "end the program that listens there, or choose")
    return Check("port", "ok", f"{host}:{port} is free")


def _check_jobs(settings: Settings) -> Check:
    from api.jobs import JobStore

    try:
        jobs = JobStore(settings).all()
        lost = [job.id for job in jobs if job.status == "failed" and job.finished_at is None]
        quiet = [
            job.id
            for job in jobs
            if job.is_open
            and time.time() - (settings.jobs / f"{job.id}.json").stat().st_mtime > _STUCK_AFTER
        ]
    except (OSError, ValueError) as error:
        advice = f"move what cannot be read out of {settings.jobs}"
        return Check("jobs", "warning", f"the jobs cannot be read: {error}", advice)
    if lost:
        found = f"{', '.join(lost)}: the process has ended before its time"
        return Check("jobs", "warning", found, "start the service: it goes on with them")
    if quiet:
        found = f"{', '.join(quiet)}: no progress for half an hour"
        return Check("jobs", "warning", found, "wait, or cancel: POST /jobs/{id}/cancel")
    going = sum(job.is_open for job in jobs)
    return Check("jobs", "ok", f"{going} going on" if going else "none is going on")


def _check_ocr() -> Check:
    if shutil.which("tesseract") and find_spec("pytesseract"):
        return Check("ocr", "ok", "scanned PDFs can be read")
    advice = "if there are any: pip install 'campus-qa[ocr]', and the program tesseract"
    return Check("ocr", "ok", "scanned PDFs cannot be read", advice)


def _check_tracing(settings: Settings) -> Check:
    from api.tracing import Tracing, TracingError

    if settings.otlp_endpoint is None:
        return Check("traces", "ok", "none are sent")
    try:
        Tracing(settings).stop()
    except TracingError as error:
        return Check("traces", "failed", str(error), "pip install 'campus-qa[otel]'")
    return Check("traces", "ok", f"they are sent to {_place(settings.otlp_endpoint)}")


def _check_llm(settings: Settings) -> Check:
    if settings.llm_base_url is None:
        return Check("llm", "ok", "none is configured: answers are the documents' own sentences")
    from httpx import HTTPError, HTTPStatusError, InvalidURL

    place = _place(settings.llm_base_url)
    start = f"start the LLM's server, or correct {_PREFIX}LLM_BASE_URL (it ends in /v1)"
    try:
        names = _served_models(settings)
    except HTTPStatusError as error:
        status = error.response.status_code
        if status in (401, 403):
            return Check(
                "llm", "failed", f"{place} refuses the key ({status})", f"set {_PREFIX}LLM_API_KEY"
            )
        return Check("llm", "failed", f"{place} answers {status} to /models", start)
    except (HTTPError, InvalidURL) as error:
        found = f"{place} cannot be reached: {type(error).__name__}"
        return Check("llm", "failed", found, start)
    except (ValueError, LookupError, TypeError):
        return Check("llm", "failed", f"{place} does not speak the OpenAI protocol", start)
    if settings.llm_model not in names:
        found = f"{place} does not list {settings.llm_model}, but {', '.join(names) or 'nothing'}"
        return Check("llm", "warning", found, f"correct {_PREFIX}LLM_MODEL")
    return Check("llm", "ok", f"{settings.llm_model} at {place}")


def _served_models(settings: Settings) -> list[str]:
    """The names of the models of the LLM's server; a server that drips is too slow as well."""
    import httpx

    key = settings.llm_api_key
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    url = f"{(settings.llm_base_url or '').rstrip('/')}/models"
    deadline = time.monotonic() + _PATIENCE
    content = b""
    with httpx.stream("GET", url, headers=headers, timeout=_PATIENCE) as response:
        response.raise_for_status()
        for piece in response.iter_bytes():
            content += piece
            if time.monotonic() > deadline or len(content) > _MOST_BYTES:
                raise httpx.ReadTimeout("too slow or too long")
    return [str(model["id"]) for model in json.loads(content)["data"]]


def _check_index(settings: Settings) -> tuple[Snapshot | None, Check]:
    from index import SnapshotError, verify

    try:
        directory = settings.store.current()
        wrong = verify(directory)
        snapshot = None if wrong else settings.store.load()
    except (SnapshotError, OSError) as error:
        return None, Check("index", "failed", str(error), "campus-qa index build")
    if snapshot is None:
        advice = "campus-qa index build, or campus-qa index rollback"
        return None, Check("index", "failed", f"{directory.name}: {'; '.join(wrong[:3])}", advice)
    manifest = snapshot.manifest
    found = (
        f"{manifest.version} is whole: {manifest.counts.documents} documents, "
        f"{manifest.counts.passages} passages, built {manifest.created_at}"
    )
    return snapshot, Check("index", "ok", found)


def _check_models(settings: Settings, snapshot: Snapshot | None) -> Iterator[Check]:
    """The models, with them the index, and with both a question."""
    from safetensors import SafetensorError

    from index import EmbeddedModelError, Embedder, EmbedderError, SnapshotError
    from qa import Answerer, RerankerError, SpanReader, SpanReaderError, load_reranker

    damaged = (OSError, RuntimeError, ValueError, LookupError, SafetensorError)
    try:
        embedder = Embedder.load(settings.resolve_embedding_model())
    except (EmbedderError, EmbeddedModelError, *damaged) as error:
        advice = f"correct {_PREFIX}EMBEDDING_MODEL"
        if settings.embedding_model is None:
            advice = f"remove {settings.models}: the model is installed anew on its next use"
        yield Check("embedding model", "failed", str(error), advice)
        return
    identity = embedder.identity
    if snapshot is not None:
        try:
            snapshot.require_model(identity)
        except SnapshotError as error:
            advice = "campus-qa index build"
            if settings.embedding_model is None:
                advice += f"; if the model itself may be damaged, remove {settings.models} first"
            yield Check("embedding model", "failed", str(error), advice)
            return
    found = f"{identity.name}, {identity.dimension} dimensions"
    yield Check("embedding model", "ok", found + (", that of the index" if snapshot else ""))
    try:
        reranker = load_reranker(settings.reranker, embedder, settings.models)
        reader = None if settings.reader == "embedded" else SpanReader(settings.reader)
    except (RerankerError, SpanReaderError, EmbedderError, EmbeddedModelError, *damaged) as error:
        advice = f"correct {_PREFIX}RERANKER or {_PREFIX}READER, or unset them"
        yield Check("reranker", "failed", str(error), advice)
        return
    read_by = settings.reader if reader else "what is embedded"
    yield Check("reranker", "ok", f"{reranker.name if reranker else 'none'}; read by {read_by}")
    if snapshot is not None:
        try:
            yield _check_question(
                Answerer(snapshot, embedder, reranker, settings.min_confidence, None, reader)
            )
        except damaged as error:
            yield Check("question", "failed", f"{type(error).__name__}: {error}", _INSTALL)


def _check_question(answerer: Answerer) -> Check:
    """Ask with a sentence of the index, which has to be answered from its own passage."""
    snapshot = answerer.snapshot
    passage = snapshot.passages[len(snapshot.passages) // 2]
    texts = [passage.text[a - passage.start : b - passage.start] for a, b in passage.sentences]
    # Asked for its confidence, it might be refused: it is no question.
    answer = answerer.ask(max(texts, key=len)[:_LONGEST_QUERY], min_confidence=0)
    exact = [
        snapshot.documents[cited.document_id].text[cited.start : cited.end] == cited.quote
        for cited in answer.citations
    ]
    if not exact or not all(exact):
        found = (
            "an answer without citations" if not exact else "a quote that is not in its document"
        )
        return Check("question", "failed", found, "campus-qa index build")
    found = f"answered from the index in {answer.timings_ms.total:.0f} ms"
    if passage.id not in [each.passage_id for each in answer.passages]:
        found += f"; but of a sentence of {passage.document_id}, the passage was not found"
        advice = "if this goes for other questions too: campus-qa index build"
        return Check("question", "warning", found, advice)
    return Check("question", "ok", found)


def _place(url: str) -> str:
    """Host and port of a URL, without what may be secret in it."""
    return urlsplit(url).netloc.rpartition("@")[2]
