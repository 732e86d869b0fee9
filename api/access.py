"""Access: who may ask, who may write, and who may see the metrics."""

from __future__ import annotations

import ipaddress
import logging
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from api.keys import Key, KeyStore, KeyStoreError, Scope
from api.problems import MEDIA_TYPE
from api.settings import Settings

_LOGGER = logging.getLogger(__name__)
_BEARER = HTTPBearer(
    auto_error=False,
    description="A key made with `campus-qa keys create`, or CAMPUS_QA_API_KEY. Asking needs one "
    "once there is a key for asking. Writing needs one once there is a key for writing; until "
    "then, only the service's own machine may write.",
)
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key.")
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_REFUSALS = {
    HTTPStatus.UNAUTHORIZED: "A key is needed, and none was sent, or one that is not valid",
    HTTPStatus.FORBIDDEN: "Not allowed with this key, or from there without one",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests: `Retry-After` says when to go on",
    HTTPStatus.SERVICE_UNAVAILABLE: "The keys cannot be read",
}


async def presented_key(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    header: Annotated[str | None, Security(_HEADER)],
) -> bytes | None:
    """The key that a request brings, whatever it is worth."""
    key = bearer.credentials if bearer else header
    # Headers come in as latin-1, whatever was sent.
    return key.encode("latin-1") if key else None


Presented = Annotated[bytes | None, Depends(presented_key)]


async def given_key(request: Request) -> bytes | None:
    """`presented_key`, where FastAPI does not see to it."""
    return await presented_key(await _BEARER(request), await _HEADER(request))


async def find_key(request: Request, keys: KeyStore) -> Key | None:
    """The key of a request, if it is valid; None too where the keys cannot be read."""
    given = await given_key(request)
    try:
        return keys.find(given) if given else None
    except KeyStoreError:
        return None


async def require_asker(request: Request, given: Presented) -> None:
    """Let a request ask if it has a key for it, or if there is no key for asking.

    Raises:
        HTTPException: 401 for a missing, unknown or expired key, 403 for one that is not for this,
            503 where the keys cannot be read.
    """
    _is_let_in(request, given, Scope.ASK)


async def require_writer(request: Request, given: Presented) -> None:
    """Let a request write if it has a key for it; while there is no key for writing, if it comes
    from this machine and not from a web page of another site.

    Raises:
        HTTPException: As `require_asker`; 403 too where a key would have to be made first.
    """
    if _is_let_in(request, given, Scope.WRITE):
        return
    if not _comes_from_this_machine(request):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "Without a key for writing, only this machine may write: make one with `campus-qa keys "
            "create NAME --scope write`, or set CAMPUS_QA_API_KEY.",
        )
    if not _goes_to_this_machine(request):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "Without a key for writing, only requests to and from this machine's own address may "
            "write: make one with `campus-qa keys create NAME --scope write`, or set "
            "CAMPUS_QA_API_KEY.",
        )


async def require_monitor(request: Request, given: Presented) -> None:
    """Let a request see the metrics if it comes from this machine, or may ask.

    Raises:
        HTTPException: As `require_asker`.
    """
    if not (_comes_from_this_machine(request) and _goes_to_this_machine(request)):
        _is_let_in(request, given, Scope.ASK)


Asker = Depends(require_asker)
Writer = Depends(require_writer)
Monitor = Depends(require_monitor)


def describe_access(schema: dict[str, Any]) -> dict[str, Any]:
    """Say in an OpenAPI document that a key is needed only once there is one, and what is answered
    to those who are not let in.
    """
    reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path in schema.get("paths", {}).values():
        for operation in path.values():
            if "security" not in operation:
                continue
            if {} not in operation["security"]:
                operation["security"].append({})
            for status, description in _REFUSALS.items():
                refusal = {"description": description, "content": {MEDIA_TYPE: reference}}
                operation["responses"].setdefault(str(status.value), refusal)
    return schema


def _is_let_in(request: Request, given: bytes | None, scope: Scope) -> bool:
    """Whether a request has a key for this; False if it has none and there is none.

    Raises:
        HTTPException: There is a key for this, and the request does not have it.
    """
    settings: Settings = request.app.state.settings
    try:
        key = settings.keys.find(given) if given else None
        if key is not None and key.may(scope):
            return True
        if not settings.keys.needed_for(scope):
            return False
    except KeyStoreError as error:
        # Nobody is let in by a file that may have kept them out.
        _LOGGER.error("%s", error)
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The keys of the service cannot be read; its log tells the reason.",
        ) from error
    if key is not None:
        raise HTTPException(HTTPStatus.FORBIDDEN, f"This key lacks the scope {scope.value!r}.")
    raise HTTPException(
        HTTPStatus.UNAUTHORIZED,
        "This key is not known, or no longer valid."
        if given
        else "Send a key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
        {"WWW-Authenticate": "Bearer"},
    )


def _comes_from_this_machine(request: Request) -> bool:
    forwarded = any(name in request.headers for name in _FORWARDED)
    return not forwarded and request.client is not None and _is_loopback(request.client.host)


def _goes_to_this_machine(request: Request) -> bool:
    """A web page can send requests to this machine through its reader's browser, and its site can
    take on this machine's address; either way the browser names the site.
    """
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    own = _is_loopback(_split(f"//{host}")[0] or "")
    return own and (origin is None or _split(origin) == _split(f"//{host}"))


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
