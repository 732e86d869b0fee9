"""Uploads: a multipart body in, checked files out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import PurePosixPath

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from api.settings import Settings
from corpus import FORMATS, CorpusError, check_name

_CHUNK = 2**20


async def read_uploads(request: Request, settings: Settings) -> FormData:
    """Read the files of a request to disk, and check all of them before any is used.

    Close what is returned when done with it.

    Raises:
        HTTPException: 413 for a file that is too large or too many files, 415 for a body that is
            not multipart or a file of a format that cannot be read, 422 for no file or a name that
            cannot be used, 400 for a body that is broken.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send files, as multipart/form-data."
        )
    most, largest = settings.max_upload_files, settings.max_upload_mb * 2**20
    if int(request.headers.get("content-length") or 0) > most * largest + _CHUNK:
        raise _too_large(settings)
    parser = _Parser(request.headers, request.stream(), max_files=most)
    parser.largest = largest
    try:
        form = await parser.parse()
    except _TooLargeError as error:
        raise _too_large(settings) from error
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            detail = f"Too many files: send at most {most} at once."
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail) from error
        raise HTTPException(HTTPStatus.BAD_REQUEST, error.message) from error
    except ClientDisconnect as error:
        # Nobody is left to read this; it is counted as what it is, and no failure of the service.
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The body broke off.") from error
    try:
        if not parser.ended:
            detail = "The body breaks off: its last boundary is missing."
            raise HTTPException(HTTPStatus.BAD_REQUEST, detail)
        _check(uploaded_files(form))
    except HTTPException:
        await form.close()
        raise
    return form


def uploaded_files(form: FormData) -> list[UploadFile]:
    """The files of a form, whatever their fields are called."""
    return [value for _, value in form.multi_items() if isinstance(value, UploadFile)]


def chunks(file: UploadFile) -> Iterator[bytes]:
    file.file.seek(0)
    while chunk := file.file.read(_CHUNK):
        yield chunk


def _check(files: Sequence[UploadFile]) -> None:
    if not files:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "There is no file in the request.")
    names = [file.filename or "" for file in files]
    same = [unicodedata.normalize("NFC", name) for name in names]
    for name in names:
        try:
            check_name(name)
        except CorpusError as error:
            detail = f"{error}."
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from error
        if PurePosixPath(name).suffix.lower() not in FORMATS:
            raise HTTPException(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"{name!r} is of a format that cannot be read; these can: {', '.join(FORMATS)}.",
            )
        if same.count(unicodedata.normalize("NFC", name)) > 1:
            detail = f"{name!r} is in the request twice."
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def _too_large(settings: Settings) -> HTTPException:
    return HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"A file may have at most {settings.max_upload_mb} MB (CAMPUS_QA_MAX_UPLOAD_MB).",
    )


class _TooLargeError(MultiPartException):
    """A part of the body is longer than a file may be."""


class _Parser(MultiPartParser):
    """Breaks off where a part grows too long, before it fills the disk; knows if the end came."""

    largest = 0
    ended = False
    _length = 0

    def on_part_begin(self) -> None:
        self._length = 0
        super().on_part_begin()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._length += end - start
        if self._length > self.largest:
            raise _TooLargeError("too large")
        super().on_part_data(data, start, end)

    def on_end(self) -> None:
        self.ended = True
        super().on_end()
