from __future__ import annotations

import contextlib
import io
import re
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.content import Content, ContentError
from corpus.formats import epub, html
from tests.documents import line_start

Shown = list[tuple[int | None, str]]


def shown(source: str) -> Shown:
    content = html.read(source.encode())
    return [
        (block.level, content.text[line_start(content.text, block.start) : block.end])
        for block in content.blocks
    ]


def lines(source: str) -> list[str]:
    return [text for _, text in shown(source)]


def test_headings_and_paragraphs_in_reading_order() -> None:
    source = "<h1>Le <em>but</em></h1>avant<div>dans<p>un</p>après</div><h3>Où ?</h3><p>Ici."
    assert shown(source) == [
        (1, "Le but"),
        (None, "avant"),
        (None, "dans"),
        (None, "un"),
        (None, "après"),
        (3, "Où ?"),
        (None, "Ici."),
    ]
    text = html.read(source.encode()).text
    assert text == "Le but\n\navant\n\ndans\n\nun\n\naprès\n\nOù ?\n\nIci."


def test_white_space_collapses_and_nothing_between_inline_elements_is_lost() -> None:
    source = "<p>\n un\t <b>mot</b>et<i> la</i>\n  suite <!-- rien -->, <a>ici</a>.<wbr> Fin\n</p>"
    assert lines(source) == ["un motet la suite , ici. Fin"]


def test_entities_are_decoded_and_what_cannot_be_seen_is_left_out() -> None:
    assert lines(
        "<p>12&nbsp;&euro; &amp; &laquo;&#160;c&oelig;ur&#8239;&raquo; in&shy;vi&#8203;sible"
    ) == ["12\u00a0€ & «\u00a0cœur\u202f» invisible"]


def test_line_breaks_stay_and_two_of_them_end_a_paragraph() -> None:
    assert lines("<p>10, rue Oradour <br> Paris<br/>\n<br>Tel.") == [
        "10, rue Oradour\nParis",
        "Tel.",
    ]
    assert lines("<h1>Un<br>titre</h1>x") == ["Un titre", "x"]


def test_preformatted_text_keeps_its_lines() -> None:
    assert lines("<pre>\nif a:\n    b\n\nelse:\n  c\n</pre>") == ["if a:\n    b\n\nelse:\n  c"]


def test_raised_digits_stay_apart_from_the_number_they_stand_on() -> None:
    assert lines("<p>10<sup>-6</sup> m<sup>2</sup>, le XIX<sup>e</sup>, CO<sub>2</sub>") == [
        "10⁻⁶ m², le XIXe, CO2"
    ]


def test_lists_have_their_marks_and_nested_items_are_their_own() -> None:
    source = (
        "<ul><li>a<ol start=3><li>b</li><li value=7>c</li><li>d</li></ol></li>"
        "<li><p>e</p><p>f</p></li><li> </li></ul>"
    )
    assert lines(source) == ["- a", "3. b", "7. c", "8. d", "- e", "f"]
    assert html.read(b"<ul><li>a<li>b</ul>").text == "- a\n- b"


def test_a_definition_begins_with_its_terms() -> None:
    source = (
        "<dl><dt>CNIL<dd>Une <b>autorité</b><dt>A<dt>B :<dd><p>deux</p><p>trois</p>"
        "<dt>Quand ?<dd>En mai<dt>Seul</dl>fin"
    )
    assert lines(source) == [
        "CNIL: Une autorité",
        "A, B : deux",
        "trois",
        "Quand ? En mai",
        "Seul",
        "fin",
    ]


def test_a_summary_is_the_heading_of_its_details() -> None:
    source = "<h2>FAQ</h2><details><summary>Qui ?</summary>L’Inserm.</details><figcaption>F"
    assert shown(source) == [(2, "FAQ"), (3, "Qui ?"), (None, "L’Inserm."), (None, "F")]


def test_rows_of_a_table_repeat_its_header() -> None:
    source = (
        "<table><caption>Habitants</caption>"
        "<tr><th rowspan=2>Ville<th colspan=2>2024</tr><tr><th>H<th>F</tr>"
        "<tr><td rowspan=2>Paris<td>1<td>2</tr><tr><td><p>3</p><p>4</p><td></tr></table>"
    )
    content = html.read(source.encode())
    assert content.text == (
        "Habitants\n\nVille: Paris; 2024 H: 1; 2024 F: 2\nVille: Paris; 2024 H: 3 4"
    )
    assert [block.whole for block in content.blocks] == [False, True, True]


def test_a_row_without_column_names_is_named_by_its_first_cell() -> None:
    title, address, sites = (
        "<th colspan=2>Campus",
        "<th>Adresse<td>10, rue Oradour",
        "<th>Sites<td>2",
    )
    source = f"<table><tr>{title}<tr>{address}<tr>{sites}</table>"
    assert lines(source) == ["Campus", "Adresse: 10, rue Oradour", "Sites: 2"]


def test_a_first_row_of_plain_cells_is_a_header_only_of_an_even_table_of_three() -> None:
    head, one, two = (
        f"<tr><td>{a}</td><td>{b}</td></tr>"
        for a, b in (("Ville", "Pays"), ("Paris", "12"), ("Rome", "14"))
    )
    assert lines(f"<table>{head}{one}{two}</table>") == [
        "Ville: Paris; Pays: 12",
        "Ville: Rome; Pays: 14",
    ]
    assert lines(f"<table>{head}{one}</table>") == ["Ville; Pays", "Paris; 12"]
    uneven = f"<table>{head}{one}<tr><td>Rome</td><td>14</td><td>x</td></tr></table>"
    assert lines(uneven) == ["Ville; Pays", "Paris; 12", "Rome; 14; x"]


def test_a_table_that_lays_out_the_page_is_no_table() -> None:
    source = (
        "<table><tr><td>Gauche</td><td><h1>Titre</h1><table><tr><th>a<th>b<tr><td>1<td>2</table>"
    )
    assert shown(source) == [(None, "Gauche"), (1, "Titre"), (None, "a: 1; b: 2")]
    assert lines("<table role=presentation><tr><td>a<td>b<tr><td>c<td>d</table>") == list("abcd")


def test_a_table_of_names_alone_is_not_lost() -> None:
    assert lines("<table><tr><th>a<th>b<tr><th>c<th>d</table>") == ["a; b", "c; d"]


def test_many_reaching_cells_cost_no_more_than_the_table() -> None:
    wide = "<td rowspan=65534 colspan=65534>" + "x" * 5000
    content = html.read(f"<table>{'<tr><td>1<td>2' + wide * 20}{'<tr><td>1' * 2000}".encode())
    assert len(content.text) < 4 * 2**20


def test_the_furniture_of_a_page_and_what_is_hidden_are_left_out() -> None:
    source = (
        "<body><nav>Menu</nav><div role=navigation>Menu</div><header>Le site</header>"
        "<p>Du texte<script>x()</script><style>y</style><noscript>z</noscript> ici.</p>"
        "<p hidden>a</p><p style='color: red; display : none'>b</p><i aria-hidden=true>c</i>"
        "<form>Nom <input value=d><select><option>e</select><button>f</button></form>"
        "<template>g</template><svg><title>h</title></svg><aside>i</aside><footer>j</footer>"
        "<h2>Titre<a class='x headerlink'>¶</a></h2><p>fin"
    )
    assert lines(source) == ["Le site", "Du texte ici.", "Nom", "Titre", "fin"]


def test_hidden_blocks_part_what_stands_around_them() -> None:
    assert lines("<div>un<nav>x</nav>deux<span hidden>x</span>trois</div>") == ["un", "deuxtrois"]


@pytest.mark.parametrize(
    "part", ["<main>{}</main>", "<div role=main>{}</div>", "<article>{}</article>"]
)
def test_the_one_part_of_substance_is_the_page(part: str) -> None:
    body = f"<div>En-tête</div>{part.format('<p>Le texte même de la page.</p>')}<div>Suite</div>"
    assert lines(body) == ["Le texte même de la page."]


def test_several_articles_or_a_small_one_are_not_the_page() -> None:
    assert lines("<article>Le premier</article>x<article>Le second</article>") == [
        "Le premier",
        "x",
        "Le second",
    ]
    assert lines("<main>Chargement</main><p>" + "Le texte. " * 9) == [
        "Chargement",
        ("Le texte. " * 9).strip(),
    ]


def test_the_head_says_what_the_page_is() -> None:
    source = """<html lang="fr-FR"><head><title> Le
        titre </title><meta property="og:title" content="Autre">
        <meta name="Author" content="A. Martin"><meta name="author" content="B. Petit">
        <meta name="description" content="Un &amp; deux"><meta name="keywords" content="a, b">
        <meta property="article:published_time" content="2024-05-01T10:00:00Z">
        <meta name="DCTERMS.modified" content="20240502">
        <link rel="canonical" href="https://example.org/page">
        <link rel="license" href="https://example.org/licence"></head><body>x"""
    assert html.read(source.encode()).fields == {
        "title": "Le titre",
        "language": "fr-FR",
        "author": "A. Martin, B. Petit",
        "subject": "Un & deux",
        "keywords": "a, b",
        "date": "2024-05-01T10:00:00+00:00",
        "modified": "2024-05-02",
        "source": "https://example.org/page",
        "licence": "https://example.org/licence",
    }


def test_what_a_page_names_itself_goes_before_what_networks_call_it() -> None:
    source = (
        "<title></title><meta property=og:title content=OG><meta name=source content=ici>"
        "<link rel=canonical href=https://example.org><meta name=date content='mai 2024'>"
        "<meta name=license content=MIT><time datetime=2020-01-01>x</time>"
    )
    assert html.read(source.encode()).fields == {
        "title": "OG",
        "source": "ici",
        "date": "mai 2024",
        "licence": "MIT",
    }


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("<meta charset=iso-8859-15>", "iso8859-15"),
        ("<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>", "cp1251"),
        ("<meta charset=iso-8859-1>", "cp1252"),
        ("<meta charset=iso-8859-1>", "utf-8"),
        ("<meta charset=utf-8>", "cp1252"),
        ("", "utf-16"),
        ("<?xml version='1.0' encoding='windows-1251'?>", "cp1251"),
    ],
)
def test_the_encoding_is_the_stated_one_if_it_fits(head: str, encoding: str) -> None:
    text = "Привет" if encoding == "cp1251" else "Un cœur à 12 €"
    assert html.read(f"{head}<p>{text}</p>".encode(encoding)).text == text


def test_elements_closed_in_themselves_end_there_in_xhtml() -> None:
    source = (
        '<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><head>'
        '<title/><script src="x.js"/></head><body><p>a<a id="p1"/>b<br/>c</p><h2/><p>d</p></body>'
    )
    assert lines(source) == ["ab\nc", "d"]


def test_entities_of_a_document_s_own_are_not_expanded() -> None:
    source = (
        '<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">'
        '<!ENTITY f SYSTEM "file:///etc/hostname">]><html><body><p>Texte &b; &f;</p>'
    )
    assert html.read(source.encode()).text.endswith("Texte &b; &f;")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no text"),
        (b"<html><body><script>x</script></body></html>", "no text"),
        (b"<!-- rien -->", "no text"),
        (b"<div>" * 3000 + b"texte", "too deeply"),
        (b"PK\3\4\0\0\0", "not text"),
        (b"x" * (32 * 2**20 + 1), "larger"),
    ],
)
def test_what_is_no_page_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ContentError, match=reason):
        html.read(data)


TAGS = "p div h2 ul ol li dl dt dd table tr th td br b sup pre details summary nav main".split()
markup = st.lists(
    st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS])
    | st.sampled_from(["mot", " ", "\n", "<td rowspan=3 colspan=2>", "<tr hidden>", "&lt;", "7"]),
    max_size=40,
)


@settings(deadline=None)
@given(markup)
def test_any_markup_gives_trimmed_blocks_that_make_up_the_text(pieces: list[str]) -> None:
    try:
        content = html.read("".join(pieces).encode())
    except ContentError:
        return
    check(content)


@settings(deadline=None)
@given(markup.filter(lambda pieces: {"<tr hidden>", "<nav>", "<main>"}.isdisjoint(pieces)))
def test_no_word_is_lost(pieces: list[str]) -> None:
    source = "<p>mot</p>" + "".join(pieces)
    assert html.read(source.encode()).text.count("mot") >= source.count("mot")


MARK = re.compile(r"\s*(?:(?:-|\d+\.) )?")


def check(content: Content) -> None:
    end = 0
    for block in content.blocks:
        assert MARK.fullmatch(content.text, end, block.start)
        piece = content.text[block.start : block.end]
        assert piece
        assert piece == piece.strip()
        end = block.end
    assert end == len(content.text)


CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)
METADATA = """<dc:title>Le campus</dc:title><dc:title>Sous-titre</dc:title>
    <dc:language>fr</dc:language><dc:creator>A. Martin</dc:creator><dc:creator>B. Petit</dc:creator>
    <dc:date>2024-05-01</dc:date><dc:publisher>Éditions du Campus</dc:publisher>
    <dc:subject>santé</dc:subject><dc:subject>données</dc:subject>
    <dc:source>https://example.org/livre</dc:source>
    <meta property="dcterms:modified">2024-06-01T12:00:00Z</meta>"""


def page(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head>'
        f"<title/></head><body>{body}</body></html>"
    )


def book(
    parts: dict[str, str], items: str, spine: str, packing: int = zipfile.ZIP_DEFLATED
) -> bytes:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{METADATA}</metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    everything = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": package,
        **parts,
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, part in everything.items():
            archive.writestr(name, part)
    return file.getvalue()


def item(name: str, href: str, properties: str = "") -> str:
    return (
        f'<item id="{name}" href="{href}" media-type="application/xhtml+xml" '
        f'properties="{properties}"/>'
    )


PARTS = {
    "OEBPS/nav.xhtml": page("<nav><ol><li>Un</li></ol></nav>"),
    "OEBPS/texte/Chapitre été.xhtml": page("<h1>Un</h1><p>Premier&nbsp;!</p><aside>Note</aside>"),
    "OEBPS/deux.xhtml": page("<h1>Deux</h1><p>Second.</p>"),
    "OEBPS/notes.xhtml": page("<p>Réponses.</p>"),
}
ITEMS = (
    item("nav", "nav.xhtml", "nav")
    + item("deux", "deux.xhtml#ici")
    + item("un", "texte/Chapitre%20%C3%A9t%C3%A9.xhtml")
    + item("notes", "notes.xhtml")
    + '<item id="image" href="a.png" media-type="image/png"/>'
)
SPINE = "".join(
    f'<itemref idref="{name}"{linear}/>'
    for name, linear in (
        ("nav", ""),
        ("notes", ' linear="no"'),
        ("un", ""),
        ("image", ""),
        ("deux", ""),
        ("un", ""),
    )
)
BOOK = book(PARTS, ITEMS, SPINE)


def test_a_book_is_read_in_its_order() -> None:
    content = epub.read(BOOK)
    assert content.text == ("Un\n\nPremier\u00a0!\n\nNote\n\nDeux\n\nSecond.\n\nRéponses.")
    assert [block.level for block in content.blocks] == [1, None, None, 1, None, None]
    assert content.gaps == ()
    assert content.fields == {
        "title": "Le campus",
        "language": "fr",
        "author": "A. Martin, B. Petit",
        "date": "2024-05-01",
        "publisher": "Éditions du Campus",
        "subject": "santé, données",
        "source": "https://example.org/livre",
        "modified": "2024-06-01T12:00:00+00:00",
    }


def test_a_chapter_that_is_missing_is_a_gap() -> None:
    parts = {name: part for name, part in PARTS.items() if "deux" not in name}
    content = epub.read(book(parts, ITEMS, SPINE))
    assert content.gaps == (("OEBPS/deux.xhtml", "OEBPS/deux.xhtml is missing from it"),)
    assert "Premier" in content.text


def encryption(algorithm: str) -> dict[str, str]:
    method = f'<EncryptionMethod Algorithm="{algorithm}"/>'
    data = f'<EncryptedData xmlns="http://www.w3.org/2001/04/xmlenc#">{method}</EncryptedData>'
    return {"META-INF/encryption.xml": f"<encryption>{data}</encryption>"}


def test_a_protected_book_is_refused_and_one_with_hidden_fonts_is_not() -> None:
    aes = encryption("http://www.w3.org/2001/04/xmlenc#aes256-cbc")
    with pytest.raises(ContentError, match="protected"):
        epub.read(book(PARTS | aes, ITEMS, SPINE))
    fonts = encryption("http://www.idpf.org/2008/embedding")
    assert epub.read(book(PARTS | fonts, ITEMS, SPINE)).text.startswith("Un")


def test_what_unpacks_to_far_too_much_is_a_gap() -> None:
    bomb = {"OEBPS/deux.xhtml": " " * (33 * 2**20)}
    content = epub.read(book(PARTS | bomb, ITEMS, SPINE))
    assert content.gaps == (("OEBPS/deux.xhtml", "it is larger than 32 MB: split it"),)


def test_entities_of_the_package_are_not_expanded() -> None:
    package = zipfile.ZipFile(io.BytesIO(BOOK)).read("OEBPS/book.opf").decode()
    bomb = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + package.replace(
        "<dc:title>Le campus", "<dc:title>&f;"
    )
    content = epub.read(
        book(
            PARTS
            | {
                "OEBPS/other.opf": bomb,
                "META-INF/container.xml": CONTAINER.replace("book", "other"),
            },
            ITEMS,
            SPINE,
        )
    )
    assert content.fields["title"] == "Sous-titre"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\3\4",
        BOOK[: len(BOOK) // 2],
        b"<html>",
        book({"META-INF/container.xml": "<container/>"}, "", ""),
        book({"META-INF/container.xml": "pas du XML"}, "", ""),
        book(PARTS, ITEMS, ""),
        book({}, ITEMS, SPINE),
    ],
)
def test_what_is_no_book_is_refused(data: bytes) -> None:
    with pytest.raises(ContentError):
        epub.read(data)


@settings(deadline=None)
@given(
    st.sampled_from([BOOK, book(PARTS, ITEMS, SPINE, zipfile.ZIP_STORED)]),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    st.integers(0, 10_000),
)
def test_a_damaged_book_is_read_or_refused(
    whole: bytes, changes: list[tuple[int, int]], missing: int
) -> None:
    damaged = bytearray(whole)
    for position, byte in changes:
        damaged[position % len(whole)] = byte
    with contextlib.suppress(ContentError):
        check(epub.read(bytes(damaged[: max(len(whole), missing) - missing])))
