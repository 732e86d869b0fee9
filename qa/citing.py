"""What is said of a reading: its citations, the answer's text, and the short answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from corpus import Language, Place
from index import Snapshot
from qa.answer import Citation, Highlight, OtherPlace, RetrievedPassage
from qa.reader import Evidence, Reading
from qa.retriever import Hit
from qa.short_answer import find_short_answer, name_counted, tidy
from qa.statements import MARKERS
from qa.wording import Wording

_ACCORDING_TO: dict[Language, str] = {
    "fr": "Selon « {} » :",
    "en": "According to “{}”:",
}


_REFUSALS: dict[Language, str] = {
    "fr": "Les documents ne permettent pas de répondre à cette question.",
    "en": "The documents do not answer this question.",
}
_NEAREST: dict[Language, tuple[str, str]] = {
    "fr": ("Ce qui s’en approche le plus :", "« {} »"),
    "en": ("What comes nearest:", "“{}”"),
}
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer in words: its text with markers, the few words that answer, and the citations."""

    text: str
    short_answer: str
    citations: tuple[Citation, ...]


def cite(snapshot: Snapshot, question: str, language: Language, reading: Reading) -> Cited:
    """The quotes, each sentence with the marker of its citation; where they come from several
    documents, each names its own.
    """
    short = _shorten(snapshot, question, language, reading)
    citations = tuple(
        _cite(snapshot, marker, evidence, short)
        for marker, evidence in enumerate(reading.evidence, start=1)
    )
    said = [_quote(snapshot, marker, e) for marker, e in enumerate(reading.evidence, start=1)]
    if len({citation.document_id for citation in citations}) == 1:
        text = " ".join(said)
    else:
        text = "\n".join(
            f"{_ACCORDING_TO[language].format(MARKERS.sub('', citation.title))} {quoted}"
            for citation, quoted in zip(citations, said, strict=True)
        )
    return Cited(text, _text(snapshot, short), citations)


def cite_wording(
    snapshot: Snapshot,
    question: str,
    language: Language,
    reading: Reading,
    wording: Wording,
) -> Cited:
    """What an LLM said; the short answer is the reader's."""
    short = _shorten(snapshot, question, language, reading)
    citations = tuple(_cite(snapshot, n, e, short) for n, e in enumerate(wording.evidence, start=1))
    return Cited(wording.text, _text(snapshot, short), citations)


def refuse(snapshot: Snapshot, language: Language, hits: Sequence[Hit]) -> str:
    """That the documents do not answer, and where the nearest passages stand."""
    names = []
    for hit in hits:
        title = snapshot.documents[hit.passage.document_id].title
        heading = hit.passage.heading
        names.append(f"{title}, {heading}" if heading and heading != title else title)
    named = list(dict.fromkeys(names))[:_NAMED]
    if not named:
        return _REFUSALS[language]
    begin, quoted = _NEAREST[language]
    return f"{_REFUSALS[language]} {begin} {', '.join(quoted.format(name) for name in named)}."


def describe_hits(snapshot: Snapshot, hits: Sequence[Hit]) -> tuple[RetrievedPassage, ...]:
    """The passages, as they leave the service."""
    described = []
    for hit in hits:
        passage = hit.passage
        document = snapshot.documents[passage.document_id]
        described.append(
            RetrievedPassage(
                passage_id=passage.id,
                document_id=document.id,
                title=document.title,
                source=document.source,
                page=document.page_at(passage.start),
                heading=passage.heading,
                text=passage.text,
                start=passage.start,
                end=passage.end,
                score=round(hit.score, 4),
                also_at=tuple(_describe_place(snapshot, place) for place in passage.repeated_at),
            )
        )
    return tuple(described)


def _quote(snapshot: Snapshot, marker: int, evidence: Evidence) -> str:
    """The quoted sentences, each with its marker, and items on lines of their own. What announces
    a list that follows has none: the list goes on with it. Numbers of the document's own notes,
    which would be taken for markers, are left out.
    """
    text = snapshot.documents[evidence.place.document_id].text
    said = ""
    before = None
    for start, end in evidence.quoted:
        if before is not None:
            _, line_break, mark = text[before:start].rpartition("\n")
            said += line_break + mark if line_break else " "
        sentence = MARKERS.sub("", text[start:end])
        goes_on = sentence.endswith(":") and end < evidence.quoted[-1][1]
        said += sentence if goes_on else f"{sentence} [{marker}]"
        before = end
    return said


def _cite(snapshot: Snapshot, marker: int, evidence: Evidence, short: Place) -> Citation:
    passage = evidence.passage
    document = snapshot.documents[passage.document_id]
    start, end = evidence.quoted[0][0], evidence.quoted[-1][1]
    holds = short.document_id == document.id and start <= short.start and short.end <= end
    return Citation(
        marker=marker,
        document_id=document.id,
        title=document.title,
        source=document.source,
        page=document.page_at(start),
        heading=passage.heading,
        quote=document.text[start:end],
        start=start,
        end=end,
        highlight=Highlight(start=short.start, end=short.end) if holds else None,
        passage_id=passage.id,
        score=round(evidence.score, 4),
    )


def _shorten(snapshot: Snapshot, question: str, language: Language, reading: Reading) -> Place:
    best = max(reading.evidence, key=lambda evidence: evidence.score)
    if reading.disagreement:
        # No figure is the answer where documents disagree: the sentence says whose it is.
        return best.place
    text = snapshot.documents[best.place.document_id].text
    sentence = (best.place.start, best.place.end)
    found = best.short_answer
    if found is not None and found.end:
        span = tidy(text, sentence, (found.start, found.end))
        span = name_counted(question, language, text, sentence, span)
    else:
        span = find_short_answer(question, language, text, sentence)
    return Place(best.place.document_id, *span)


def _text(snapshot: Snapshot, place: Place) -> str:
    return snapshot.documents[place.document_id].text[place.start : place.end]


def _describe_place(snapshot: Snapshot, place: Place) -> OtherPlace:
    return OtherPlace(
        document_id=place.document_id,
        title=snapshot.documents[place.document_id].title,
        start=place.start,
        end=place.end,
    )
