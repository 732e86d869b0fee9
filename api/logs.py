"""Logs: one line a record on standard error, readable or JSON, with the id of its request."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from api.requests import FAILURE, REQUEST_ID
from api.settings import Settings

FIELDS = "fields"
"""The name under which `extra` holds what a record says in fields, as a dictionary."""

_OURS = ("api", "corpus", "evals", "index", "qa", "uvicorn")


def configure_logs(settings: Settings) -> None:
    """Log as the settings say; once in each process.

    The level is for this program and its HTTP server. Libraries are heard from warnings up,
    whatever it is: below that, HTTP clients log whole requests, with the questions in them.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if settings.log_format == "json" else _Readable())
    level = logging.getLevelName(settings.log_level.upper())
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    logging.captureWarnings(True)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it is more than a failure that has been logged: Starlette raises it again once it is
    answered, and the HTTP server would log it once more.
    """
    error = record.exc_info[1] if record.exc_info else None
    return error is None or error is not FAILURE.get()


class _Readable(logging.Formatter):
    """`TIME LEVEL LOGGER [REQUEST] message field=value ...`, and a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        request = REQUEST_ID.get()
        parts = [
            _time(record),
            f"{record.levelname:7}",
            record.name,
            *([f"[{request}]"] if request else []),
            # What comes from elsewhere, such as the name of a file, must not make up lines.
            "".join(c if c.isprintable() else repr(c)[1:-1] for c in record.getMessage()),
            *(f"{name}={_plain(value)}" for name, value in _fields(record).items()),
        ]
        line = " ".join(parts)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        content = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **({"request_id": request} if (request := REQUEST_ID.get()) else {}),
            **_fields(record),
        }
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return json.dumps(content, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = getattr(record, FIELDS, {})
    return fields


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
