"""Access: who may write. Reading is open to all who can reach the service."""

from __future__ import annotations

import hmac
import ipaddress
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from api.settings import Settings

_BEARER = HTTPBearer(
    auto_error=False, description="CAMPUS_QA_API_KEY; none is needed on loopback if it is not set."
)
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key.")


def require_writer(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    header: Annotated[str | None, Security(_HEADER)],
) -> None:
    """Let a request write if it has the API key; without a key in the settings, if it comes from
    this machine and not from a web page of another site.

    Raises:
        HTTPException: 401 for a missing or wrong key, 403 where a key would have to be configured.
    """
    settings: Settings = request.app.state.settings
    if settings.api_key is not None:
        given = bearer.credentials if bearer else header or ""
        expected = settings.api_key.get_secret_value()
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "Send the API key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
                {"WWW-Authenticate": "Bearer"},
            )
        return
    if request.client is None or not _is_loopback(request.client.host):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "Without an API key, only this machine may write: set CAMPUS_QA_API_KEY.",
        )
    # A web page can send requests to this machine through its reader's browser, and its site can
    # take on this machine's address; either way the browser names the site.
    origin = request.headers.get("origin")
    hosts = [request.url.hostname, *([urlsplit(origin).hostname] if origin else [])]
    if not all(host and _is_loopback(host) for host in hosts):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "Without an API key, only requests to and from this machine's own address may write: "
            "set CAMPUS_QA_API_KEY.",
        )


Writer = Depends(require_writer)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
