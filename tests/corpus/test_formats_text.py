from __future__ import annotations

import codecs
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import Document
from corpus.content import Block, Content, ContentError
from corpus.formats import markdown, text
from corpus.formats.encoding import decode
from corpus.formats.front_matter import split_front_matter
from corpus.formats.html import plain_title
from corpus.formats.markdown import find_markdown_blocks, plain_heading
from corpus.formats.text import find_text_blocks

FIND = {"text": find_text_blocks, "markdown": find_markdown_blocks}


def described(source: str, format: str) -> list[tuple[int | None, str]]:
    return [(block.level, source[block.start : block.end]) for block in FIND[format](source)]


def test_the_questions_of_the_interview_are_headings(interview: Document) -> None:
    headings = [line for level, line in described(interview.text, "text") if level is not None]
    assert headings[0].startswith("PariSanté Campus, un acteur de référence")
    questions = headings[1:]
    assert len(questions) == 7
    assert all(question.endswith("?") for question in questions)
    assert questions[2].startswith("Au cœur du projet, on retrouve 4 axes forts")


def test_text_wrapped_at_a_width_is_one_paragraph() -> None:
    source = (
        "Une phrase assez longue qui a été\ncoupée à la largeur de la page\npar un éditeur.\n\nFin."
    )
    assert [t for _, t in described(source, "text")] == [source[: source.index("\n\n")], "Fin."]


def test_a_line_that_ends_a_sentence_ends_its_paragraph() -> None:
    source = "Première phrase.\nDeuxième phrase.\nTroisième phrase."
    assert [t for _, t in described(source, "text")] == source.split("\n")


def test_markdown_structure() -> None:
    source = (
        "# Titre #\n\nUn paragraphe\nsur deux lignes.\n\n"
        "Sous-titre\n----------\n\n- un point\n- un autre\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n> Citation.\n\n```\ncode\n```\n"
    )
    assert described(source, "markdown") == [
        (1, "Titre"),
        (None, "Un paragraphe\nsur deux lignes."),
        (2, "Sous-titre"),
        (None, "un point"),
        (None, "un autre"),
        (None, "| a | b |"),
        (None, "| 1 | 2 |"),
        (None, "Citation."),
        (None, "```\ncode\n```"),
    ]
    whole = [source[b.start : b.end] for b in find_markdown_blocks(source) if b.whole]
    assert whole == ["| a | b |", "| 1 | 2 |"]


def test_markdown_marks_are_left_out_and_numbers_are_not() -> None:
    source = "## 2. Méthode\n\n<!-- brouillon -->\n\n#\n\n> Titre\n> =====\n\n1. un\n"
    assert described(source, "markdown") == [(2, "2. Méthode"), (1, "Titre"), (None, "un")]
    assert plain_heading("**Le [site](https://example.org)** `x`") == "Le site x"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_any_line_break_will_do(line_break: str) -> None:
    source = line_break.join(["# Titre", "", "Un.", "", "Deux."])
    assert [t for _, t in described(source, "markdown")] == ["Titre", "Un.", "Deux."]
    assert [t for _, t in described(source[2:], "text")] == ["Titre", "Un.", "Deux."]


def test_a_list_in_plain_text_is_not_a_row_of_headings() -> None:
    source = "Les fondateurs sont :\n\nInserm\n\nInria\n\nUniversité PSL\n\nIls sont cinq."
    assert [level for level, _ in described(source, "text")] == [None] * 5
    source = "Il y a :\n- un point\n- un autre\nEt la suite."
    assert [t for _, t in described(source, "text")] == source.split("\n")


def test_the_only_line_of_a_text_is_not_a_heading() -> None:
    assert described("Une seule ligne", "text") == [(None, "Une seule ligne")]


@pytest.mark.parametrize(("asked", "answered"), [("Q", "R"), ("Q", "A"), ("Question", "Réponse")])
def test_a_marked_question_is_the_heading_of_its_answer(asked: str, answered: str) -> None:
    source = (
        f"{asked} : Le but du projet\n{answered} : Soigner mieux,\net plus vite.\n"
        f"{asked} : Et où ?\n{answered} : À Paris."
    )
    assert described(source, "text") == [
        (2, f"{asked} : Le but du projet"),
        (None, f"{answered} : Soigner mieux,\net plus vite."),
        (2, f"{asked} : Et où ?"),
        (None, f"{answered} : À Paris."),
    ]


def test_a_marked_question_on_two_lines_is_one_heading() -> None:
    source = "Q2 : Quel est le but du projet,\net qui le mène\nR2 : L’Inserm le mène."
    assert described(source, "text") == [
        (2, "Q2 : Quel est le but du projet,\net qui le mène"),
        (None, "R2 : L’Inserm le mène."),
    ]


def test_letters_are_no_marks_of_answers_where_nothing_is_asked() -> None:
    source = "A : douze points pour le nord\nB : treize points pour le sud\net rien de plus."
    assert described(source, "text") == [(None, source)]


@settings(deadline=None)
@given(st.text(alphabet="QRA:? .a\n\r-é", max_size=80), st.sampled_from(sorted(FIND)))
def test_blocks_are_trimmed_in_order_and_apart(source: str, format: str) -> None:
    blocks = FIND[format](source)
    for block in blocks:
        piece = source[block.start : block.end]
        assert piece
        assert piece == piece.strip()
    assert all(a.end <= b.start for a, b in itertools.pairwise(blocks))
    if format == "text":
        found = "".join(source[b.start : b.end] for b in blocks)
        assert "".join(found.split()) == "".join(source.split())


def test_a_file_is_read_with_its_front_matter() -> None:
    data = b"---\ntitle: Un titre\ntags: [a, b]\nvide:\n---\n# Le but\n\nSoigner."
    assert markdown.read(data) == Content(
        "# Le but\n\nSoigner.",
        (Block(2, 8, level=1), Block(10, 18)),
        fields={"title": "Un titre", "tags": "a, b"},
    )
    assert text.read(data).text == "# Le but\n\nSoigner."
    assert text.read(data).fields == {"title": "Un titre", "tags": "a, b"}


def test_front_matter_that_is_none_stays_in_the_text() -> None:
    source = "---\n- un\n- deux\n---\nSuite."
    assert split_front_matter(source) == ({}, source)
    assert split_front_matter("Suite.") == ({}, "Suite.")
    assert split_front_matter("---\n---\nSuite.") == ({}, "Suite.")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("---\na: [\n---\ntexte", "not valid YAML"),
        ("---\na: " + "[" * 5000 + "\n---\ntexte", "not valid YAML"),
        ("---\ntitle: {a: b}\n---\ntexte", "'title'"),
        ("---\ntitle: x\n---\n \n", "no text"),
        (" \r\n", "no text"),
        ("", "no text"),
    ],
)
@pytest.mark.parametrize("reader", [text, markdown])
def test_what_has_no_text_or_no_valid_front_matter_is_refused(
    source: str, reason: str, reader: object
) -> None:
    with pytest.raises(ContentError, match=reason):
        reader.read(source.encode())  # type: ignore[attr-defined]


# Sentences of 20 to 200 characters, with the signs in question.
FRENCH = (
    "Où est né le fondateur ?",
    "Le café ferme à dix-huit heures.",
    "Ça coûte trois fois rien, dit-il.",
    "La fenêtre du château est fermée.",
    "Voilà déjà l'été qui s'achève.",
    "Noël est là, à trois jours près.",
    "École fondée en 1868 à Paris",
    "Le numérique en santé a reçu 45 millions, soit 12 % du total. Les équipes s'installent à "
    "l'hôpital du Val-de-Grâce, où elles développent des modèles.",
)
TYPOGRAPHIC = (
    "L’œuvre de l’Inserm date d’hier.",
    "« Le campus rassemble des chercheurs », dit-il.",
    "Le cœur du projet : la donnée…",
    "Un prix de 12 € — et “rien” de plus.",
)
SINGLE_EURO = ("Son œuvre est au cœur du débat", "Cela vaut 12 € de plus à l'année")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "iso8859-15", "mac_roman", "cp850"])
@pytest.mark.parametrize("sentence", FRENCH)
def test_short_french_is_read_in_the_encodings_of_its_time(sentence: str, encoding: str) -> None:
    assert decode(sentence.encode(encoding)) == sentence


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman", "utf-8", "utf-16"])
@pytest.mark.parametrize("sentence", TYPOGRAPHIC)
def test_french_typography_is_read(sentence: str, encoding: str) -> None:
    spaced = sentence.replace("« ", "«\u00a0").replace(" »", "\u00a0»").replace(" :", "\u00a0:")
    assert decode(spaced.encode(encoding)) == spaced


@pytest.mark.parametrize("sentence", SINGLE_EURO)
def test_what_latin_9_has_and_latin_1_has_not_is_read(sentence: str) -> None:
    assert decode(sentence.encode("iso8859-15")) == sentence


@pytest.mark.parametrize(
    ("sentence", "encodings"),
    [
        (
            "Париж, столица Франции. В городе работают более тысячи исследователей, а также "
            "восемьдесят частных компаний. Проект был объявлен президентом.",
            ("cp1251", "koi8-r"),
        ),
        (
            "Το Παρίσι είναι η πρωτεύουσα της Γαλλίας. Στην πόλη εργάζονται περισσότεροι από "
            "χίλιοι εξακόσιοι ερευνητές.",
            ("cp1253", "iso8859-7"),
        ),
        (
            "パリはフランスの首都です。このキャンパスには千六百人以上の研究者が働いており、"
            "八十の民間企業も入居しています。",
            ("shift_jis", "euc_jp"),
        ),
    ],
)
def test_longer_texts_are_read_in_other_scripts(sentence: str, encodings: tuple[str, ...]) -> None:
    for encoding in encodings:
        assert decode(sentence.encode(encoding)) == sentence


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_tells_the_encoding_and_is_left_out(mark: bytes, encoding: str) -> None:
    assert decode(mark + "Été\r\nà\u00a0Paris 😀\n".encode(encoding)) == "Été\r\nà\u00a0Paris 😀\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("sentence", ["Été à Paris", "Привет, мир", "plain"])
def test_utf_16_is_read_without_a_mark(sentence: str, encoding: str) -> None:
    assert decode(sentence.encode(encoding)) == sentence


def test_damaged_utf_8_shows_where() -> None:
    assert decode("Été déjà à Paris".encode()[:-1] + b"\xe9") == "Été déjà à Pari\ufffd"


def test_a_stated_encoding_counts_where_bytes_do_not_tell() -> None:
    data = "Привет".encode("cp1251")
    assert decode(data, "windows-1251") == "Привет"
    assert decode("été".encode(), "latin-1") == "été"
    assert decode("été".encode("latin-1"), "no-such-encoding") == "été"
    assert decode("été".encode("latin-1"), "unicode_escape") == "été"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"PK\3\4\x14\0\0\0\x08\0",
        bytes(range(256)),
        b"\x01\x02\x03\x04texte",
        b"a\0b",
    ],
)
def test_what_is_not_text_is_refused(data: bytes) -> None:
    with pytest.raises(ContentError, match="it is not text"):
        decode(data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        found = decode(data)
    except ContentError:
        return
    found.encode()
    assert "\0" not in found


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=100))
def test_utf_8_is_read_exactly(source: str) -> None:
    assert decode(source.encode()) == source.removeprefix("\ufeff")


def test_titles_are_rid_of_what_html_publishers_put_into_them() -> None:
    assert plain_title("Les <i>Fleurs du mal</i> &amp;  autres") == "Les Fleurs du mal & autres"
    assert plain_title("2 < 3") == "2 < 3"
