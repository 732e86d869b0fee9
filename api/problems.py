"""Errors as problem details (RFC 9457): `application/problem+json`, never a bare message.

Below `/v1/` they have the `error` that OpenAI's clients expect as well.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from api.requests import FAILURE, HEADER
from qa import FilterError, ModeError

MEDIA_TYPE = "application/problem+json"
FAILED = "The service failed; its log tells the reason."

_LOGGER = logging.getLogger(__name__)
_FOR_OPENAI = "/v1/"
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


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
            return problem(request.scope, HTTPStatus.BAD_REQUEST, "The body is not valid JSON.")
        if not _sends_json(request) and any(entry["loc"] == ("body",) for entry in found):
            return problem(
                request.scope,
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "Send JSON, with content-type: application/json.",
            )
        errors = [
            FieldError(field=_field(e["loc"]), message=e["msg"].removeprefix("Value error, "))
            for e in found
        ]
        fields = ", ".join(dict.fromkeys(e.field for e in errors))
        return problem(
            request.scope, HTTPStatus.UNPROCESSABLE_ENTITY, f"Not valid: {fields}.", errors
        )

    @app.exception_handler(FilterError)
    async def unfiltered(request: Request, error: FilterError) -> JSONResponse:
        errors = [FieldError(field="filters", message=str(error))]
        return problem(
            request.scope, HTTPStatus.UNPROCESSABLE_ENTITY, "Not valid: filters.", errors
        )

    @app.exception_handler(ModeError)
    async def without_llm(request: Request, error: ModeError) -> JSONResponse:
        errors = [FieldError(field="mode", message=str(error))]
        return problem(request.scope, HTTPStatus.UNPROCESSABLE_ENTITY, "Not valid: mode.", errors)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return refusal(request.scope, error)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        _LOGGER.error("%s %s failed", request.method, request.url.path, exc_info=error)
        FAILURE.set(error)
        response = problem(request.scope, HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)
        # This one is answered outside of all middleware.
        response.headers[HEADER] = request.scope["request_id"]
        return response


def problem(
    scope: Scope, status: HTTPStatus, detail: str, errors: list[FieldError] | None = None
) -> JSONResponse:
    """A response with problem details, for the request of this scope."""
    for_openai = scope["path"].startswith(_FOR_OPENAI)
    if for_openai and status == HTTPStatus.UNPROCESSABLE_ENTITY:
        # OpenAI's status for invalid requests.
        status = HTTPStatus.BAD_REQUEST
    told = Problem(title=status.phrase, status=status, detail=detail, errors=errors)
    content = told.model_dump(exclude_none=True)
    if for_openai:
        message = "; ".join(f"{each.field}: {each.message}" for each in errors or [])
        param = errors[0].field if errors else None
        if status == HTTPStatus.NOT_FOUND and "route" in scope:
            # Where there is such a route, what it did not find is the model.
            param = "model"
        content["error"] = openai_error(status, message or detail, param)
    return JSONResponse(content, status_code=status, media_type=MEDIA_TYPE)


def refusal(scope: Scope, error: HTTPException) -> Response:
    """The response that an exception stands for."""
    if error.status_code == HTTPStatus.NOT_MODIFIED:
        # Not an error, and it must not have a body.
        return Response(status_code=error.status_code, headers=error.headers)
    response = problem(scope, HTTPStatus(error.status_code), str(error.detail))
    response.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_allowed(scope))
    return response


def openai_error(
    status: HTTPStatus, message: str, param: str | None = None
) -> dict[str, str | None]:
    """OpenAI's error object; `param` is the parameter that is wrong."""
    kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    code = "model_not_found" if param and status == HTTPStatus.NOT_FOUND else _CODES.get(status)
    return {"message": message, "type": kind, "param": param, "code": code}


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


def _allowed(scope: Scope) -> list[str]:
    """The methods of a path, by all of its routes: the router tells those of the first alone."""
    return [
        method
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        if any(
            route.matches({**scope, "method": method})[0] is Match.FULL
            for route in scope["app"].routes
        )
    ]


def _sends_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    return kind == "application/json" or kind.endswith("+json")


def _field(location: tuple[int | str, ...]) -> str:
    """Where a field stands, without the part of the request it is in, unless that is all."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])
