"""EPUB: the chapters of a book in the order in which it is read.

The format is EPUB 3.3, https://www.w3.org/TR/epub-33/, and 2.0.1 before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from posixpath import dirname, join, normpath
from urllib.parse import unquote
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from lxml import etree

from corpus.content import Content, ContentBuilder, ContentError
from corpus.formats.html import iso_date, parse_html
from corpus.formats.html_layout import add_html
from corpus.formats.office import clean_text, damage_refused, parse_xml

_MAX_PARTS = 20_000
_MAX_BYTES = 256 * 2**20
_ENCRYPTED = 0x1

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_OBFUSCATION = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
_PAGES = {"application/xhtml+xml", "text/html"}

# Dublin Core's names for them.
_FIELDS = {
    "title": "title",
    "language": "language",
    "creator": "author",
    "publisher": "publisher",
    "source": "source",
    "subject": "subject",
}
_SEVERAL = {"author", "subject"}
_EVENT = "{http://www.idpf.org/2007/opf}event"


def read(data: bytes) -> Content:
    """Read a book; what is not part of its linear order (notes, answers) comes last.

    A chapter that cannot be read is a gap. Tables of contents are left out.

    Raises:
        ContentError: It is damaged, protected, too large, not an EPUB, or has no text.
    """
    builder = ContentBuilder()
    gaps: list[tuple[str, str]] = []
    with damage_refused(".epub"), ZipFile(BytesIO(data)) as archive:
        _refuse_protected(archive)
        package_path = _find(parse_xml(_part(archive, _CONTAINER)), "rootfile").get("full-path", "")
        package = parse_xml(_part(archive, package_path))
        left = _MAX_BYTES
        for path in _reading_order(package, dirname(package_path)):
            try:
                page = _part(archive, path, left)
                left -= len(page)
                add_html(builder, parse_html(page))
            except ContentError as error:
                gaps.append((path, str(error)))
        content = builder.build(_fields(package), tuple(gaps))
    if not content.text:
        raise ContentError("it has no text" + (f": {gaps[0][0]}: {gaps[0][1]}" if gaps else ""))
    return content


def _refuse_protected(archive: ZipFile) -> None:
    parts = archive.infolist()
    if len(parts) > _MAX_PARTS:
        raise ContentError(f"it holds more than {_MAX_PARTS} parts")
    protected = any(part.flag_bits & _ENCRYPTED for part in parts)
    if _ENCRYPTION in archive.namelist():
        methods = parse_xml(_part(archive, _ENCRYPTION)).iter("{*}EncryptionMethod")
        protected |= any(method.get("Algorithm") not in _FONT_OBFUSCATION for method in methods)
    if protected:
        raise ContentError("it is protected against copying: use a copy without protection")


def _part(archive: ZipFile, path: str, most: int = _MAX_BYTES) -> bytes:
    try:
        info = archive.getinfo(path)
    except KeyError as error:
        raise ContentError(f"{path or 'its package'} is missing from it") from error
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ContentError("it is packed in an unusual way: save it again")
    if info.file_size > most:
        raise ContentError(f"it unpacks to more than {_MAX_BYTES // 2**20} MB: split it")
    # Asking for what is declared keeps zipfile from inflating more than that.
    with archive.open(info) as part:
        return part.read(info.file_size)


@dataclass(frozen=True, slots=True)
class _Item:
    path: str
    is_page: bool
    is_contents: bool


def _reading_order(package: etree._Element, folder: str) -> Iterator[str]:
    """The paths of the pages to read, each once."""
    contents = {
        _resolve(folder, reference)
        for reference in package.iter("{*}reference")
        if reference.get("type") == "toc"
    }
    items = {}
    for item in package.iter("{*}item"):
        path = _resolve(folder, item)
        is_contents = "nav" in item.get("properties", "").split() or path in contents
        items[item.get("id")] = _Item(path, item.get("media-type") in _PAGES, is_contents)
    references = sorted(package.iter("{*}itemref"), key=lambda ref: ref.get("linear") == "no")
    seen = set()
    for reference in references:
        found = items.get(reference.get("idref"))
        if found and found.is_page and not found.is_contents and found.path not in seen:
            seen.add(found.path)
            yield found.path


def _resolve(folder: str, element: etree._Element) -> str:
    href = element.get("href", "").partition("#")[0]
    return normpath(join(folder, unquote(href)))


def _find(root: etree._Element, name: str) -> etree._Element:
    found = next(root.iter(f"{{*}}{name}"), None)
    if found is None:
        raise ContentError(f"it is damaged: it has no {name}")
    return found


def _fields(package: etree._Element) -> dict[str, str]:
    said: dict[str, list[str]] = {}
    for element in _find(package, "metadata").iter(etree.Element):
        name, value = etree.QName(element).localname, clean_text(element.text or "")
        if name == "meta" and element.get("property") == "dcterms:modified":
            name = "modified"
        elif name == "date":
            name = "modified" if element.get(_EVENT) == "modification" else "date"
        else:
            name = _FIELDS.get(name, "")
        if name and value:
            said.setdefault(name, []).append(" ".join(value.split()))
    fields = {
        name: ", ".join(dict.fromkeys(values)) if name in _SEVERAL else values[0]
        for name, values in said.items()
    }
    for name in ("date", "modified"):
        if name in fields:
            fields[name] = iso_date(fields[name])
    return fields
