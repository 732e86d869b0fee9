"""Building: documents in, a published snapshot out.

Nothing is gathered: documents, passages and vectors go through one by one or by the window, from
file to file, so that the memory a build takes hardly depends on how much is indexed.
"""

from __future__ import annotations

import hashlib
import shutil
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpus import (
    Document,
    Failure,
    NearDuplicates,
    Passage,
    Place,
    reader_version,
    split_passages,
)
from index.embedder import Embedder, ModelIdentity, Vectors
from index.files import (
    DOCUMENTS,
    KEY,
    LEXICAL,
    MANIFEST,
    PASSAGE_KEYS,
    PASSAGE_VECTORS,
    PASSAGES,
    SENTENCE_KEYS,
    SENTENCE_VECTORS,
    FaissWriter,
    Keys,
    RowWriter,
    content_keys,
    document_line,
    parse_passage,
    passage_line,
    read_lines,
)
from index.lexical import LexicalWriter
from index.manifest import FORMAT_VERSION, Chunking, Counts, DocumentEntry, Manifest
from index.previous import Previous
from index.snapshot import NothingToIndexError, SnapshotError, describe_file
from index.store import SnapshotStore

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many (0: not known)."""

READING = "reading documents"
EMBEDDING = "embedding passages"

_WINDOW = 64
_SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Build:
    """What a build did.

    Attributes:
        manifest: Of the snapshot that is now current.
        failures: What could not be read.
        changed: False if the current snapshot holds just this already; then nothing was published.
        embedded_passages, embedded_sentences: How many went through the model; the vectors of the
            others were known.
    """

    manifest: Manifest
    failures: tuple[Failure, ...] = ()
    changed: bool = True
    embedded_passages: int = 0
    embedded_sentences: int = 0


def build_snapshot(
    documents: Iterable[Document | Failure],
    embedder: Embedder,
    store: SnapshotStore,
    chunking: Chunking,
    progress: Progress = lambda stage, done, total: None,
    *,
    previous: Previous | None = None,
    sources: Sequence[Path] = (),
    total: int = 0,
) -> Build:
    """Cut, embed and index documents, and publish the result as the current snapshot.

    The content of the snapshot depends on the documents, the model and the code alone, not on
    `previous`. Hold `store.lock()` where another builder may be at work.

    Args:
        documents: In order of path, failures among them.
        embedder: Makes the vectors.
        store: Where the snapshot goes.
        chunking: How documents are cut.
        progress: Told what is being done; what it raises ends the build without harm.
        previous: Spares embedding what has not changed, and all the rest if nothing has.
        sources: What the documents were read from, for the manifest.
        total: How many documents to expect, for the progress.

    Raises:
        SnapshotError: The passage budget does not fit the model.
        NothingToIndexError: No document holds any text.
    """
    if not 32 <= chunking.max_tokens <= embedder.identity.max_tokens:
        raise SnapshotError(
            f"passages of {chunking.max_tokens} tokens do not fit {embedder.identity.name}: choose "
            f"from 32 to {embedder.identity.max_tokens} (CAMPUS_QA_PASSAGE_TOKENS)"
        )
    with store.staging() as directory:
        scratch = directory / _SCRATCH
        scratch.mkdir()
        cut = _cut(documents, embedder, chunking, directory, progress, total)
        if not len(cut):
            reasons = "".join(f"\n  {failure.path}: {failure.reason}" for failure in cut.failures)
            raise NothingToIndexError(f"there is nothing to index: no document holds text{reasons}")
        digest = _content_digest(embedder.identity, chunking, cut.entries)
        if previous is not None and previous.manifest.digest == digest:
            return Build(previous.manifest, tuple(cut.failures), changed=False)
        same_as = cut.duplicates.resolve(cut.text_of)
        sentences = _write_passages(directory, cut, same_as)
        embedded = _write_vectors(directory, cut, same_as, embedder, previous, progress)
        shutil.rmtree(scratch)
        kept = same_as < 0
        now = datetime.now(UTC)
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            version=f"{now:%Y%m%dT%H%M%S%f}-{digest[:8]}",
            created_at=now.isoformat(timespec="seconds"),
            digest=digest,
            model=embedder.identity,
            chunking=chunking,
            reader=reader_version(),
            sources=tuple(str(path.resolve()) for path in sources),
            counts=Counts(
                documents=len(cut.entries),
                passages=int(kept.sum()),
                sentences=sentences,
                repeats=int((~kept).sum()),
            ),
            documents=tuple(cut.entries_without(~kept)),
            files={
                path.relative_to(directory).as_posix(): describe_file(path)
                for path in sorted(directory.rglob("*"))
                if path.is_file()
            },
        )
        (directory / MANIFEST).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
        store.publish(directory)
        return Build(manifest, tuple(cut.failures), True, *embedded)


class _CutPassages:
    """The passages of all documents, repeats too, in a scratch file; in memory, where they are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[DocumentEntry] = []
        self.failures: list[Failure] = []
        self.duplicates = NearDuplicates()
        self._lines = array("Q")
        self._file = path.open("w+b")

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, document: Document, passages: Sequence[Passage]) -> None:
        for passage in passages:
            self.duplicates.add(passage, document.title)
            self._lines.append(self._file.tell())
            line = passage_line(passage, with_text=True)
            self._file.write(f"{document.language} {line}".encode())
        self.entries.append(
            DocumentEntry(
                id=document.id,
                title=document.title,
                path=document.path,
                sha256=document.sha256,
                characters=len(document.text),
                passages=len(passages),
            )
        )

    def close(self) -> None:
        self._file.flush()

    def text_of(self, number: int) -> str:
        return self.passage(number).text

    def passage(self, number: int) -> Passage:
        self._file.seek(self._lines[number])
        return parse_passage(self._file.readline()[3:])

    def kept(self, same_as: NDArray[np.int64]) -> Iterator[tuple[int, str, Passage]]:
        """Number, language and passage of each that repeats no other."""
        for number, line in enumerate(read_lines(self.path)):
            if same_as[number] < 0:
                yield number, line[:2].decode(), parse_passage(line[3:])

    def entries_without(self, repeats: NDArray[np.bool_]) -> Iterator[DocumentEntry]:
        """The entries of the documents, with the number of passages that are left."""
        first = 0
        for entry in self.entries:
            last = first + entry.passages
            left = entry.passages - int(repeats[first:last].sum())
            yield entry.model_copy(update={"passages": left})
            first = last


def _cut(
    documents: Iterable[Document | Failure],
    embedder: Embedder,
    chunking: Chunking,
    directory: Path,
    progress: Progress,
    total: int,
) -> _CutPassages:
    cut = _CutPassages(directory / _SCRATCH / "passages")
    window = embedder.identity.max_tokens
    context_tokens = min(chunking.context_tokens, window - chunking.max_tokens)
    progress(READING, 0, total)
    with (directory / DOCUMENTS).open("w", encoding="utf-8", newline="\n") as lines:
        for document in documents:
            if isinstance(document, Failure):
                cut.failures.append(document)
                continue
            lines.write(document_line(document))
            cut.add(
                document,
                split_passages(
                    document, embedder.count_tokens, chunking.max_tokens, context_tokens
                ),
            )
            progress(READING, len(cut.entries), max(total, len(cut.entries)))
    cut.close()
    return cut


def _write_passages(directory: Path, cut: _CutPassages, same_as: NDArray[np.int64]) -> int:
    """Write the passages that are kept, with all their places, and their postings.

    Returns:
        The number of their sentences.
    """
    places: dict[int, list[Place]] = defaultdict(list)
    for number in np.flatnonzero(same_as >= 0).tolist():
        repeat = cut.passage(number)
        place = Place(repeat.document_id, repeat.start, repeat.end)
        places[int(same_as[number])].extend((place, *repeat.repeated_at))
    sentences = 0
    lexical = LexicalWriter(directory / _SCRATCH)
    with (directory / PASSAGES).open("w", encoding="utf-8", newline="\n") as lines:
        for number, language, passage in cut.kept(same_as):
            everywhere = (*passage.repeated_at, *places.get(number, ()))
            lines.write(passage_line(replace(passage, repeated_at=everywhere)))
            lexical.add(passage.embedded_text, language)
            sentences += len(passage.sentences)
    lexical.save(directory / LEXICAL)
    return sentences


def _write_vectors(
    directory: Path,
    cut: _CutPassages,
    same_as: NDArray[np.int64],
    embedder: Embedder,
    previous: Previous | None,
    progress: Progress,
) -> tuple[int, int]:
    """Write the vectors of passages and sentences, and their keys.

    Returns:
        How many passages, and how many sentences, went through the model.
    """
    dimension = embedder.identity.dimension
    total = int((same_as < 0).sum())
    done = embedded_passages = embedded_sentences = 0
    progress(EMBEDDING, 0, total)
    with ExitStack() as stack:
        passage_vectors = stack.enter_context(FaissWriter(directory / PASSAGE_VECTORS, dimension))
        passage_keys = stack.enter_context(RowWriter(directory / PASSAGE_KEYS, KEY))
        sentence_vectors = stack.enter_context(
            RowWriter(directory / SENTENCE_VECTORS, np.dtype("<f4"), dimension)
        )
        sentence_keys = stack.enter_context(RowWriter(directory / SENTENCE_KEYS, KEY))
        passages = (passage for _, _, passage in cut.kept(same_as))
        while window := list(islice(passages, _WINDOW)):
            texts = [passage.embedded_text for passage in window]
            sentences = [
                passage.text[start - passage.start : end - passage.start]
                for passage in window
                for start, end in passage.sentences
            ]
            share = len(window) / (len(texts) + len(sentences))

            def advance(count: int, done: int = done, share: float = share) -> None:
                progress(EMBEDDING, done + int(count * share), total)

            count = len(window)
            vectors, keys, new = _vectors(texts + sentences, count, embedder, previous, advance)
            passage_vectors.write(vectors[:count])
            passage_keys.write(keys[:count])
            sentence_vectors.write(vectors[count:])
            sentence_keys.write(keys[count:])
            embedded_passages += int(new[:count].sum())
            embedded_sentences += int(new[count:].sum())
            done += count
            progress(EMBEDDING, done, total)
    return embedded_passages, embedded_sentences


def _vectors(
    texts: list[str],
    passages: int,
    embedder: Embedder,
    previous: Previous | None,
    advance: Callable[[int], None],
) -> tuple[Vectors, Keys, NDArray[np.bool_]]:
    """The vectors of texts, of which the first so many are passages and the others sentences;
    their keys; and which of them had to be embedded.
    """
    keys = content_keys(texts)
    vectors = np.empty((len(texts), embedder.identity.dimension), np.float32)
    new = np.ones(len(texts), bool)
    if previous is not None:
        for known, part in (
            (previous.passages, slice(None, passages)),
            (previous.sentences, slice(passages, None)),
        ):
            rows = known.find(keys[part])
            new[part] = rows < 0
            if (rows >= 0).any():
                vectors[part][rows >= 0] = known.rows(rows[rows >= 0])
    missing = np.flatnonzero(new)
    _, first, same = np.unique(keys[missing], return_index=True, return_inverse=True)
    done = len(texts) - len(first)

    def count(more: int) -> None:
        nonlocal done
        done += more
        advance(done)

    once = embedder.embed_passages([texts[i] for i in missing[first]], count)
    vectors[missing] = once[same]
    return vectors, keys, new


def _content_digest(
    identity: ModelIdentity, chunking: Chunking, entries: Sequence[DocumentEntry]
) -> str:
    """Of all that the content of a snapshot follows from."""
    digest = hashlib.sha256()
    for part in (identity.model_dump_json(), chunking.model_dump_json(), reader_version()):
        digest.update(f"{part}\n".encode())
    for entry in entries:
        digest.update(f"{entry.id} {entry.path} {entry.sha256}\n".encode())
    return digest.hexdigest()
