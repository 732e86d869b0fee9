"""Errors as problem details (RFC 9457): `application/problem+json`, never a bare message."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.requests import HEADER
from qa import FilterError, ModeError

MEDIA_TYPE = "application/problem+json"
FAILED = "The service failed; its log tells the reason."

_LOGGER = logging.getLogger(__name__)


class FieldError(BaseModel):
    """One field that is wrong: where it stands in the request, and what is wrong with it."""

    field: str
    message: str


class Problem(BaseModel):
    """Problem details. `type` is `about:blank`: the status says what kind of problem it is."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of the app as a problem."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        if any(entry["type"] == "json_invalid" for entry in found):
            return problem(HTTPStatus.BAD_REQUEST, "The body is not valid JSON.")
        if not _sends_json(request) and any(entry["loc"] == ("body",) for entry in found):
            return problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON, with content-type: application/json."
            )
        errors = [
            FieldError(field=_field(e["loc"]), message=e["msg"].removeprefix("Value error, "))
            for e in found
        ]
        fields = ", ".join(dict.fromkeys(e.field for e in errors))
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"Not valid: {fields}.", errors)

    @app.exception_handler(FilterError)
    async def unfiltered(request: Request, error: FilterError) -> JSONResponse:
        errors = [FieldError(field="filters", message=str(error))]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Not valid: filters.", errors)

    @app.exception_handler(ModeError)
    async def without_llm(request: Request, error: ModeError) -> JSONResponse:
        errors = [FieldError(field="mode", message=str(error))]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Not valid: mode.", errors)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.NOT_MODIFIED:
            # Not an error, and it must not have a body.
            return Response(status_code=error.status_code, headers=error.headers)
        response = problem(HTTPStatus(error.status_code), str(error.detail))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        _LOGGER.error("%s %s failed", request.method, request.url.path, exc_info=error)
        response = problem(HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)
        # This one is answered outside of all middleware.
        response.headers[HEADER] = request.scope["request_id"]
        return response


def problem(
    status: HTTPStatus, detail: str, errors: list[FieldError] | None = None
) -> JSONResponse:
    """A response with problem details."""
    content = Problem(title=status.phrase, status=status, detail=detail, errors=errors)
    return JSONResponse(
        content.model_dump(exclude_none=True), status_code=status, media_type=MEDIA_TYPE
    )


def describe_problems(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe the error responses of an OpenAPI document as what they are: problem details."""
    for path in schema.get("paths", {}).values():
        for operation in path.values():
            for status, response in operation.get("responses", {}).items():
                if status[0] in "45":
                    reference = {"$ref": "#/components/schemas/Problem"}
                    response["content"] = {MEDIA_TYPE: {"schema": reference}}
    # FastAPI's own error schemas, which nothing refers to any more.
    for name in ("HTTPValidationError", "ValidationError"):
        schema.get("components", {}).get("schemas", {}).pop(name, None)
    return schema


def _sends_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    return kind == "application/json" or kind.endswith("+json")


def _field(location: tuple[int | str, ...]) -> str:
    """Where a field stands, without the part of the request it is in, unless that is all."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])
