"""HTML: the text of a page as it is read, without what surrounds it on every page of its site."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape

from lxml import etree
from lxml import html as lxml_html

from corpus.content import Content, ContentBuilder, ContentError
from corpus.formats.encoding import decode
from corpus.formats.html_layout import add_html, html_text
from corpus.formats.office import clean_text

_MAX_BYTES = 32 * 2**20
_MAX_CANDIDATES = 16
_MAIN_SHARE = 0.25

_STATED = re.compile(rb"<(?:meta[^>]+charset|\?xml[^>]+encoding)\s*=\s*[\"']?\s*([\w:.-]+)", re.I)
_XHTML = re.compile(r"\s*(?:<\?xml|(?:<!DOCTYPE[^>]*>\s*)?<html[^>]*\bxmlns=)", re.IGNORECASE)
_SELF_CLOSED = re.compile(
    r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)\b)"
    r"([a-zA-Z][\w:-]*)((?:\s[^<>]*)?)/>"
)

# In the head of a page: what each field is called, the most particular name first.
_FIELDS = {
    "title": ("title", "dc.title", "og.title"),
    "language": ("language", "dc.language", "content-language"),
    "author": ("author", "dc.creator"),
    "date": ("date", "dc.date", "dc.created", "dc.issued", "article.published_time"),
    "modified": ("modified", "last-modified", "dc.modified", "article.modified_time"),
    "source": ("source", "dc.source"),
    "subject": ("subject", "description", "dc.description", "og.description"),
    "keywords": ("keywords", "dc.subject"),
    "licence": ("licence", "license", "dc.license", "dc.rights"),
}
_DATES = ("date", "modified")
_TAG = re.compile(r"<[^>]*>")


def read(data: bytes) -> Content:
    """Read a web page.

    Of a page with one `main` or `article` that is more than a small part of it, that part is read;
    navigation, footers, asides and what is hidden never are.

    Raises:
        ContentError: It is not text, is too large, is nested too deeply, or has no text.
    """
    page = parse_html(data)
    builder = ContentBuilder()
    # From the root: where a page leaves out the body's tag, the parser puts some of it in the head.
    add_html(builder, _main_part(page), furniture=False)
    content = builder.build(_fields(page))
    if not content.text:
        raise ContentError("it has no text")
    return content


def parse_html(data: bytes) -> lxml_html.HtmlElement:
    """Parse HTML or XHTML, in the encoding it states or one that its bytes tell.

    Both are parsed as HTML, which has no entities of its own and forgives what XML does not.

    Raises:
        ContentError: It is not text, is too large, is nested too deeply, or has no elements.
    """
    if len(data) > _MAX_BYTES:
        raise ContentError(f"it is larger than {_MAX_BYTES // 2**20} MB: split it")
    stated = _STATED.search(data[:4096])
    text = decode(data, stated[1].decode() if stated else "")
    if _XHTML.match(text[:4096]):
        text = _SELF_CLOSED.sub(r"<\1\2></\1>", text)
    parser = lxml_html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
    )
    try:
        page = lxml_html.document_fromstring(text.encode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise ContentError("it has no text") from error
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        # The parser leaves out all that follows.
        raise ContentError("its elements are nested too deeply: mend it or save it as text")
    return page


def plain_title(text: str) -> str:
    """A title as it reads, of whatever HTML some publishers put into it."""
    return _line(unescape(_TAG.sub("", text)))


def iso_date(value: str) -> str:
    """A date or date-time as ISO 8601 if it is one, else as it is written."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    has_time = "T" in value or ":" in value
    return moment.isoformat(timespec="seconds") if has_time else moment.date().isoformat()


def _main_part(page: etree._Element) -> etree._Element:
    for path in (".//main|.//*[@role='main']", ".//article"):
        found = page.xpath(path)
        if isinstance(found, list) and 0 < len(found) <= _MAX_CANDIDATES:
            enough = _MAIN_SHARE * len(html_text(page, furniture=False))
            parts = [
                part
                for part in found
                if isinstance(part, etree._Element)
                and len(html_text(part, furniture=False)) > enough
            ]
            if len(parts) == 1:
                return parts[0]
    return page


def _fields(page: etree._Element) -> dict[str, str]:
    """What the head of a page says of it."""
    said = _said(page)
    fields = {}
    for field, names in _FIELDS.items():
        values = next((said[name] for name in names if name in said), [])
        several = field in ("author", "keywords")
        fields[field] = ", ".join(dict.fromkeys(values)) if several else "".join(values[:1])
    fields["title"] = _line(page.findtext(".//head/title")) or fields["title"]
    fields["language"] = _line(page.get("lang") or page.get("xml:lang")) or fields["language"]
    for link in page.iter("link"):
        relations, target = link.get("rel", "").lower().split(), _line(link.get("href"))
        if "canonical" in relations and target.startswith(("https://", "http://")):
            fields["source"] = fields["source"] or target
        elif "license" in relations:
            fields["licence"] = fields["licence"] or target
    for field in _DATES:
        fields[field] = iso_date(fields[field])
    return {field: value for field, value in fields.items() if value}


def _said(page: etree._Element) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for meta in page.iter("meta"):
        name = meta.get("name") or meta.get("property") or meta.get("http-equiv") or ""
        name = name.strip().lower().replace(":", ".").replace("dcterms.", "dc.")
        value = _line(meta.get("content"))
        if name and value:
            said.setdefault(name, []).append(value)
    return said


def _line(text: str | None) -> str:
    return " ".join(clean_text(text or "").split())
