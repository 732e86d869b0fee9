from __future__ import annotations

import pytest
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from api.etags import add_etag


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ([], False),
        ([""], False),
        (['W/"v1"'], True),
        (['"v1"'], True),
        (['"other", W/"v1"'], True),
        (['"other",W/"v1" ,"more"'], True),
        (['"other"', 'W/"v1"'], True),
        (["*"], True),
        ([" * "], True),
        # An asterisk stands alone, a tag in quotes, and a comma within them belongs to it.
        (['"other", *'], False),
        (['"*"'], False),
        (["v1"], False),
        (['"other,v1"'], False),
        (['W/"v12"'], False),
    ],
)
def test_what_is_known_is_not_sent_again(headers: list[str], known: bool) -> None:
    given = [(b"if-none-match", header.encode()) for header in headers]
    request, response = Request({"type": "http", "headers": given}), Response("text")
    expected = {"ETag": 'W/"v1"', "Cache-Control": "no-cache"}
    if known:
        with pytest.raises(HTTPException) as caught:
            add_etag(request, response, "v1")
        assert (caught.value.status_code, caught.value.headers) == (304, expected)
    else:
        add_etag(request, response, "v1")
        assert {name: response.headers[name] for name in expected} == expected
