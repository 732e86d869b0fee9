from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from corpus import Document, Place, split_passages, split_sentences
from index import Embedder
from tests.documents import Format, document, find_blocks

PULL_QUOTES = (
    "“PariSanté Campus s’est imposé comme un carrefour",
    "« L’objectif initial de PariSanté Campus",
    "“Notre rôle est d’accompagner tous les acteurs",
)


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def slices(text: str, places: Sequence[Place]) -> list[str]:
    return [text[place.start : place.end] for place in places]


def test_every_sentence_of_the_interview_is_in_one_passage_or_stands_for_another(
    interview: Document, embedder: Embedder
) -> None:
    text = interview.text
    passages = split_passages(interview, embedder.count_tokens, 256)
    indexed = Counter(text[a:b] for p in passages for a, b in p.sentences)
    repeats = [r for p in passages for r in slices(text, p.repeated_at)]
    assert max(indexed.values()) == 1
    assert sorted(r[:30] for r in repeats) == sorted(q[:30] for q in PULL_QUOTES)
    for block in interview.blocks:
        for start, end in split_sentences(text, block.start, block.end):
            assert (text[start:end] in indexed) != (text[start:end] in repeats)


def test_a_pull_quote_belongs_to_the_passage_that_says_it(
    interview: Document, embedder: Embedder
) -> None:
    holders = {
        quote[:20]: p.text
        for p in split_passages(interview, embedder.count_tokens, 256)
        for quote in slices(interview.text, p.repeated_at)
    }
    assert "s’est ainsi imposé comme un carrefour" in holders[PULL_QUOTES[0][:20]]
    assert "avec un focus sur quatre grands axes" in holders[PULL_QUOTES[1][:20]]
    assert "dans cette démarche" in holders[PULL_QUOTES[2][:20]]


def test_passages_are_exact_slices_within_the_budget(
    interview: Document, embedder: Embedder
) -> None:
    for budget in (64, 128, 256, 512):
        passages = split_passages(interview, embedder.count_tokens, budget, 20)
        for passage in passages:
            assert interview.text[passage.start : passage.end] == passage.text
            slice_tokens, all_tokens = embedder.count_tokens([passage.text, passage.embedded_text])
            assert slice_tokens <= budget
            assert all_tokens <= budget + 20
            assert passage.sentences[0][0] == passage.start
            assert passage.sentences[-1][1] == passage.end
        assert all(a.end <= b.start for a, b in itertools.pairwise(passages))


def test_a_question_is_the_heading_of_its_answer(interview: Document, embedder: Embedder) -> None:
    passages = split_passages(interview, embedder.count_tokens, 256)
    passage = next(p for p in passages if "2025 va être ponctuée" in p.text)
    assert passage.heading == "Quels sont les prochains grands jalons ?"
    assert passage.text.startswith("Quels sont les prochains grands jalons ?\n2025 va être")
    assert passages[0].heading == ""


def test_headings_nest_and_sections_do_not_mix() -> None:
    text = "# T\n\nIntro.\n\n## A\n\nUn.\n\n### B\n\nDeux.\n\n## C\n\nTrois.\n"
    passages = split_passages(document("d", text, "T", format="markdown"), words, 100)
    assert [(p.heading, p.text) for p in passages] == [
        ("", "T\n\nIntro."),
        ("A", "A\n\nUn."),
        ("A › B", "B\n\nDeux."),
        ("C", "C\n\nTrois."),
    ]


def test_a_sentence_beyond_the_budget_is_cut_at_white_space() -> None:
    text = " ".join(f"mot{i}" for i in range(100))
    passages = split_passages(document("d", text), words, 30)
    assert all(words([p.text])[0] <= 30 for p in passages)
    assert " ".join(p.text for p in passages) == text


BODY = "Le campus rassemble des chercheurs, des entreprises et des étudiants sur un même site."
pieces = st.sampled_from(
    [
        BODY,
        "« Le campus rassemble des chercheurs, des entreprises et des étudiants. »",
        "« Une citation que le corps du texte ne reprend nulle part ailleurs. »",
        "Qui paie ?",
        "Un titre",
        "# Un titre",
        "## Qui paie ?",
        "- un point",
        "Une phrase. Une autre ! Et M. Dupont ?",
        "mot " * 40,
        "",
    ]
)


@given(
    st.lists(pieces | st.text(alphabet="abC dé.?! »«", max_size=40), max_size=12),
    st.sampled_from(["\n", "\n\n", "\r\n", "\r"]),
    st.integers(3, 30),
    st.sampled_from(["text", "markdown"]),
)
def test_any_text_is_covered_exactly_once(
    lines: list[str], separator: str, budget: int, format: Format
) -> None:
    text = separator.join(lines)
    blocks = find_blocks(text, format)
    passages = split_passages(document("d", text, "t", format=format), words, budget)
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert passage.sentences[0][0] == passage.start
        assert passage.sentences[-1][1] == passage.end
        assert 0 <= passage.heading_sentences <= len(passage.sentences)
    indexed = [s for p in passages for s in p.sentences]
    repeated = [(r.start, r.end) for p in passages for r in p.repeated_at]
    assert indexed == sorted(indexed)
    for position, block in enumerate(blocks):
        inside = [s for s in indexed if block.start <= s[0] and s[1] <= block.end]
        covered = "".join(text[a:b] for a, b in inside)
        is_repeat = repeated.count(block.span) == 1
        assert is_repeat != ("".join(covered.split()) == "".join(text[slice(*block.span)].split()))
        assert not (is_repeat and inside), position
    for start, end in repeated:
        assert not any(p.start < end and start < p.end for p in passages)
    assert all(a.end <= b.start for a, b in itertools.pairwise(passages))
    if format == "text":
        found = "".join(text[a:b] for a, b in sorted(b.span for b in blocks))
        assert "".join(found.split()) == "".join(text.split())


def test_headings_before_a_repeat_stay_where_they_are() -> None:
    text = f"Qui paie ?\n{BODY}\nQui vient ?\n{BODY}\nQuand ouvre-t-il ?\nEn mai, dit-on ici."
    passages = split_passages(document("d", text, "t"), words, 100)
    assert [(p.heading, p.text) for p in passages] == [
        ("Qui paie ?", f"Qui paie ?\n{BODY}"),
        ("Qui vient ?", "Qui vient ?"),
        ("Quand ouvre-t-il ?", "Quand ouvre-t-il ?\nEn mai, dit-on ici."),
    ]
    assert len(passages[0].repeated_at) == 1
    assert [p.heading_sentences for p in passages] == [1, 1, 1]


def test_context_names_title_and_headings_that_the_slice_has_not() -> None:
    text = "# Rapport\n\n## Budget\n\n" + " ".join(f"Phrase numéro {i}." for i in range(20))
    passages = split_passages(document("d", text, "Rapport", format="markdown"), words, 24, 6)
    assert len(passages) > 2
    assert passages[0].text.startswith("Rapport\n\n## Budget\n\nPhrase")
    assert passages[0].context == ""
    for passage in passages[1:]:
        assert passage.context == "Rapport › Budget"
        assert passage.heading == "Budget"
        assert passage.embedded_text == f"Rapport › Budget\n{passage.text}"
        assert words([passage.text])[0] <= 24
        assert "Budget" not in passage.text


def test_a_file_name_is_no_context() -> None:
    passages = split_passages(document("d", "Une phrase. Une autre."), words, 50, 50)
    assert [p.context for p in passages] == [""]


def test_a_long_context_is_shortened_to_what_says_most() -> None:
    text = "## Le budget de cette année\n\n" + "Une phrase. " * 20
    made = document("d", text, "Un titre bien trop long pour tenir là", format="markdown")
    contexts = {
        tokens: split_passages(made, words, 16, tokens)[-1].context for tokens in (20, 8, 3, 0)
    }
    assert contexts == {
        20: "Un titre bien trop long pour tenir là › Le budget de cette année",
        8: "Le budget de cette année",
        3: "Le budget",
        0: "",
    }


def test_a_number_is_never_cut() -> None:
    text = " ".join(["1\u202f600 000"] * 40)
    passages = split_passages(document("d", text), words, 20)
    assert len(passages) > 3
    for passage in passages:
        assert passage.text.split()[0] == "1"
        assert passage.text.endswith("600 000")


def test_a_long_sentence_is_cut_at_a_pause() -> None:
    halves = " ".join(["mot"] * 18), " ".join(["lot"] * 16)
    passages = split_passages(document("d", f"{halves[0]} ; {halves[1]}"), words, 22)
    assert [p.text for p in passages] == [f"{halves[0]} ;", halves[1]]


def test_a_page_begins_a_passage_unless_a_paragraph_crosses_it() -> None:
    parts = ["Titre", "Une phrase ici.", "Page deux.", "Elle va de deux à trois.", "Page trois."]
    text = "\n\n".join(parts)
    pages = (0, text.index("Page deux"), text.index("à trois"))
    passages = split_passages(document("d", text, "t", pages=pages), words, 100)
    assert [p.text for p in passages] == [
        "Titre\n\nUne phrase ici.",
        "Page deux.\n\nElle va de deux à trois.\n\nPage trois.",
    ]
    assert document("d", text, pages=pages).page_at(text.index("Page trois")) == 3
    assert document("d", text).page_at(3) is None


def test_a_table_row_stays_whole() -> None:
    text = "| Lieu | Note |\n|---|---|\n| Paris | Ouvert. Fermé le lundi. |\n| Lyon | Fermé. |"
    passage = split_passages(document("d", text, format="markdown"), words, 100)[0]
    assert [text[a:b] for a, b in passage.sentences] == [
        "| Lieu | Note |",
        "| Paris | Ouvert. Fermé le lundi. |",
        "| Lyon | Fermé. |",
    ]
