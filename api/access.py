"""Access: who may write. Reading is open to all who can reach the service."""

from __future__ import annotations

import hmac
import ipaddress
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from api.settings import Settings

_BEARER = HTTPBearer(
    auto_error=False, description="CAMPUS_QA_API_KEY; none is needed on loopback if it is not set."
)
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key.")
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


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
        # Headers come in as latin-1, whatever was sent.
        given = (bearer.credentials if bearer else header or "").encode("latin-1")
        if not hmac.compare_digest(given, settings.api_key.get_secret_value().encode()):
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "Send the API key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
                {"WWW-Authenticate": "Bearer"},
            )
        return
    forwarded = any(name in request.headers for name in _FORWARDED)
    if forwarded or request.client is None or not _is_loopback(request.client.host):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "Without an API key, only this machine may write: set CAMPUS_QA_API_KEY.",
        )
    # A web page can send requests to this machine through its reader's browser, and its site can
    # take on this machine's address; either way the browser names the site.
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    own = _is_loopback(_split(f"//{host}")[0] or "")
    if not own or (origin is not None and _split(origin) != _split(f"//{host}")):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "Without an API key, only requests to and from this machine's own address may write: "
            "set CAMPUS_QA_API_KEY.",
        )


Writer = Depends(require_writer)


def describe_access(schema: dict[str, Any]) -> dict[str, Any]:
    """Say in an OpenAPI document that the key is needed only where one is configured."""
    for path in schema.get("paths", {}).values():
        for operation in path.values():
            if "security" in operation and {} not in operation["security"]:
                operation["security"].append({})
    return schema


def _split(address: str) -> tuple[str | None, int | None]:
    """Host and port of a URL; nothing for what is none."""
    try:
        parts = urlsplit(address)
        return parts.hostname, parts.port
    except ValueError:
        return None, None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
