"""The rate limit: by key or address, on what asks and writes, within bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse

from api.keys import KeyStore, Scope
from api.rate_limit import Buckets, RateLimit, network
from tests.api.conftest import Environment, Server
from tests.api.test_http import assert_problem

SECOND = 10**9


def test_a_bucket_is_emptied_at_once_and_fills_evenly() -> None:
    buckets = Buckets(per_minute=3)
    now = 5 * SECOND
    taken = [buckets.take("a", now) for _ in range(4)]
    assert [a.remaining for a in taken] == [2, 1, 0, 0]
    assert [a.retry_after for a in taken] == [0, 0, 0, 20]
    assert [a.full_after for a in taken] == [20, 40, 60, 60]
    assert buckets.take("b", now).remaining == 2
    assert buckets.take("a", now + 20 * SECOND - 1).retry_after == 1
    assert buckets.take("a", now + 20 * SECOND).retry_after == 0
    assert buckets.take("a", now + 20 * SECOND).retry_after == 20
    assert buckets.take("a", now + 500 * SECOND).remaining == 2


@given(st.integers(1, 1000), st.lists(st.integers(0, 20 * SECOND), max_size=100))
def test_no_more_is_granted_than_the_limit_and_what_has_come_back(
    per_minute: int, pauses: list[int]
) -> None:
    buckets = Buckets(per_minute)
    interval = 60 * SECOND // per_minute
    now = 0
    for granted, pause in enumerate(pauses, 1):
        now += pause
        if wait := buckets.take("a", now).retry_after:
            now += wait * SECOND
            assert buckets.take("a", now).retry_after == 0
        assert granted * interval <= per_minute * interval + now


def test_clients_that_are_idle_or_too_many_are_forgotten() -> None:
    buckets = Buckets(per_minute=60, most_clients=100)
    for number in range(1000):
        buckets.take(f"{number}", 0)
        assert len(buckets) <= 100
    assert buckets.take("999", 0).remaining == 58
    assert buckets.take("0", 0).remaining == 59
    buckets.take("new", 2 * SECOND)
    # What the second request of 999 took comes back at the end of the second second.
    assert len(buckets) == 1


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "20010db800010002"),
        ("2001:db8:1:2::", "20010db800010002"),
        ("fe80::1%eth0", "fe80000000000000"),
        ("::1", "0000000000000000"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_an_address_counts_as_its_network(host: str, expected: str) -> None:
    assert network(host) == expected


def test_addresses_and_keys_have_buckets_and_made_up_keys_have_none(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.json")
    _, known = store.create("a", [Scope.ASK])
    limited = RateLimit(PlainTextResponse("ok"), store, per_minute=2)

    def send(host: str, **headers: str) -> int:
        async def get() -> httpx.Response:
            transport = httpx.ASGITransport(limited, client=(host, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.get("/jobs", headers=headers)

        return asyncio.run(get()).status_code

    site = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:f::3"]
    assert [send(host) for host in site] == [200, 200, 429]
    assert send("2001:db8:1:3::1") == 200
    made_up = [send("203.0.113.7", authorization=f"Bearer {n}") for n in range(3)]
    assert made_up == [200, 200, 429]
    spoofed = {"x-forwarded-for": "198.51.100.1", "forwarded": "for=198.51.100.1"}
    assert send("203.0.113.7", **spoofed) == 429
    by_key = [send(host, authorization=f"Bearer {known}") for host in (site[0], "203.0.113.7")]
    assert by_key == [200, 200]
    assert send("192.0.2.1", **{"x-api-key": known}) == 429
    store.path.write_text("damaged")
    assert send("203.0.113.7", authorization=f"Bearer {known}") == 429


def test_the_service_refuses_what_is_too_much(
    start_server: Callable[..., Server], quick_environment: Environment, tmp_path: Path
) -> None:
    own = {**quick_environment, "CAMPUS_QA_HOME": str(tmp_path), "CAMPUS_QA_RATE_LIMIT": "1"}
    server = start_server(own)
    client = server.client
    # Each of these takes the one request that there is in a minute.
    first = client.get("/jobs")
    assert first.status_code == 200
    assert first.headers["ratelimit-policy"] == '"requests";q=1;w=60'
    assert first.headers["ratelimit"] == '"requests";r=0;t=60'
    for refused in (
        client.get("/jobs"),
        client.post("/ask", json={"question": "Qui ?"}),
        client.post("/jobs/x/cancel"),
        client.get("/nothing"),
        client.get("/jobs", headers={"authorization": "Bearer made up"}),
        client.get("/jobs", headers={"x-forwarded-for": "198.51.100.1"}),
    ):
        problem = assert_problem(refused, 429)
        wait = int(refused.headers["retry-after"])
        assert 0 < wait <= 60
        assert f"{wait} s" in problem["detail"]
        assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
        assert refused.headers["x-request-id"]
    for path in ("/healthz", "/docs", "/openapi.json", "/swagger/swagger-ui.css"):
        free = client.get(path)
        assert free.status_code == 200
        assert "ratelimit" not in free.headers
    _, key = KeyStore(tmp_path / "keys.json").create("a", [Scope.WRITE])
    assert client.get("/jobs", headers={"x-api-key": key}).status_code == 200
    assert_problem(client.get("/jobs", headers={"x-api-key": key}), 429)
    server.stop()
