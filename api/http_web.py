"""The web page: `/`, and the files that it is made of below `/web`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from api.etags import add_etag

_FOLDER = Path(__file__).parent / "web"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    version: str


def _load(path: Path) -> _File:
    content = path.read_bytes()
    return _File(content, _MEDIA_TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:32])


_FILES = {path.name: _load(path) for path in _FOLDER.iterdir() if path.suffix in _MEDIA_TYPES}

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
def get_page(request: Request) -> Response:
    """The page on which people ask."""
    return _respond(request, _FILES["index.html"])


@router.api_route("/web/{name}", methods=["GET", "HEAD"])
def get_file(name: str, request: Request) -> Response:
    """A file of the page, out of the few that there are."""
    file = _FILES.get(name)
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no file {name!r}.")
    return _respond(request, file)


def _respond(request: Request, file: _File) -> Response:
    headers = {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    response = Response(file.content, headers=headers, media_type=file.media_type)
    add_etag(request, response, file.version)
    return response
