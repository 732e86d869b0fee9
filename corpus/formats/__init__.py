"""The formats that can be read, one module each: the bytes of a file in, its content out."""

from __future__ import annotations

from importlib import import_module

from corpus.content import Content

_READERS = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".odt": "odt",
    ".pptx": "pptx",
    ".xlsx": "xlsx",
    ".csv": "csv",
    ".tsv": "csv",
    ".epub": "epub",
}

READABLE = tuple(_READERS)
"""The file name endings that stand for one document."""


def read_content(data: bytes, ending: str) -> Content:
    """Read a file's bytes as what its name's ending (".pdf") says it is.

    Raises:
        ContentError: It is damaged, protected, empty, or not what its ending says.
    """
    # Imported when first needed: the libraries that parse take their time to load.
    content: Content = import_module(f"corpus.formats.{_READERS[ending]}").read(data)
    return content
