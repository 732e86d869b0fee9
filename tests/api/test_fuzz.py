"""A few cases of what `python -m tests.api.fuzz` asks by the thousand."""

from __future__ import annotations

import httpx

from tests.api.fuzz import CHANGING, Findings, fuzz


def test_no_request_breaks_the_service_or_its_description(client: httpx.Client) -> None:
    findings = Findings()
    # The service is that of other tests too.
    fuzz(client, findings, without=CHANGING, examples=4, coverage=False)
    assert not findings.failures, "\n\n".join(findings.failures.values())
    assert findings.answered.total() > 30
    assert {kind for _, kind in findings.answered} == {2, 4}
