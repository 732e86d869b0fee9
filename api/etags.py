"""Entity tags (RFC 9110): clients ask whether what they have is current (`If-None-Match`)."""

from __future__ import annotations

import re
from http import HTTPStatus

from fastapi import Request, Response
from starlette.exceptions import HTTPException

_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def add_etag(request: Request, response: Response, version: str) -> None:
    """Tag a response with its version, and have caches ask each time whether that is current.

    Raises:
        HTTPException: 304, if whoever asks has this version.
    """
    # Weak, as the same version may be sent compressed or not (RFC 9110, section 8.8.1).
    headers = {"ETag": f'W/"{version}"', "Cache-Control": "no-cache"}
    known = ",".join(request.headers.getlist("if-none-match"))
    if known.strip() == "*" or version in _TAG.findall(known):
        raise HTTPException(HTTPStatus.NOT_MODIFIED, headers=headers)
    response.headers.update(headers)
