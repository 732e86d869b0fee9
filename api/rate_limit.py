"""The most that one client may ask for in a minute."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import find_key
from api.keys import KeyStore
from api.problems import problem

_SECOND = 10**9
_MINUTE = 60 * _SECOND
_MOST_CLIENTS = 10_000
_FREE = {"/", "/docs", "/favicon.ico", "/healthz", "/metrics", "/openapi.json", "/readyz"}
_FREE_BELOW = ("/swagger/", "/web/")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client may do.

    Attributes:
        remaining: Requests that could follow at once.
        full_after: Seconds, rounded up, until nothing counts any more.
        retry_after: Seconds, rounded up, until there is a request for it; 0 if it has got one.
    """

    remaining: int
    full_after: int
    retry_after: int


class Buckets:
    """A bucket of requests for each client, which fills again evenly, within a minute.

    A client may take all that is in its bucket at once. Kept of a bucket is only when it will be
    full: one that is full is forgotten, and so is the one that nothing was taken from for longest
    where there are too many.
    """

    def __init__(self, per_minute: int, most_clients: int = _MOST_CLIENTS) -> None:
        self._interval = _MINUTE // per_minute
        self._capacity = per_minute * self._interval
        self._most = most_clients
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, client: str, now: int) -> Allowance:
        """Take a request out of a client's bucket, if there is one in it.

        Args:
            client: What it is known by.
            now: Nanoseconds, of a clock that never goes back.
        """
        missing = max(self._full_at.get(client, now) - now, 0)
        wait = max(missing + self._interval - self._capacity, 0)
        if not wait:
            missing += self._interval
            self._full_at[client] = now + missing
            self._full_at.move_to_end(client)
            self._forget(now)
        return Allowance(
            remaining=(self._capacity - missing) // self._interval,
            full_after=_seconds(missing),
            retry_after=_seconds(wait),
        )

    def _forget(self, now: int) -> None:
        while next(iter(self._full_at.values())) <= now or len(self._full_at) > self._most:
            self._full_at.popitem(last=False)


class RateLimit:
    """Refuses the requests of a client that sends too many, and tells all how many they have left.

    A client is a valid key, or else an address: a key that is made up brings no bucket of its own.
    The address is that of the connection, whatever a request says of itself. Each worker process
    counts for itself: with several of them, a client may have up to as many times as much.
    """

    def __init__(self, app: ASGIApp, keys: KeyStore, per_minute: int) -> None:
        self._app = app
        self._keys = keys
        self._policy = f'"requests";q={per_minute};w=60'
        self._buckets = Buckets(per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_free(scope["path"]):
            await self._app(scope, receive, send)
            return
        client = await self._client(Request(scope))
        allowance = self._buckets.take(client, time.monotonic_ns())

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = self._policy
                left = f"r={allowance.remaining};t={allowance.full_after}"
                headers["RateLimit"] = f'"requests";{left}'
            await send(message)

        if not allowance.retry_after:
            await self._app(scope, receive, told)
            return
        refusal = problem(
            scope,
            HTTPStatus.TOO_MANY_REQUESTS,
            f"Too many requests: go on in {allowance.retry_after} s (CAMPUS_QA_RATE_LIMIT).",
        )
        refusal.headers["Retry-After"] = str(allowance.retry_after)
        await refusal(scope, receive, told)

    async def _client(self, request: Request) -> str:
        key = await find_key(request, self._keys)
        if key is not None:
            return f"key {key.id}"
        return f"address {network(request.client.host if request.client else '')}"


def network(host: str) -> str:
    """What an address counts as: itself, or, in IPv6, the network of one site, since who has one of
    its addresses has them all.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return f"{int(address) >> 64:016x}"


def _is_free(path: str) -> bool:
    return path in _FREE or path.startswith(_FREE_BELOW)


def _seconds(nanoseconds: int) -> int:
    return -(-nanoseconds // _SECOND)
