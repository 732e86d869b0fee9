"""The keys of the service: made once, shown once, and kept as hashes in one file."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from corpus import sync

_PREFIX = "cqa_"
_SECRET_BYTES = 32


class Scope(StrEnum):
    """What a key can be for."""

    ASK = "ask"
    WRITE = "write"


class KeyStoreError(Exception):
    """The keys cannot be read, or what is asked for cannot be done with them."""


class _Model(BaseModel):
    # Errors go to logs, and what a damaged file holds stays out of them.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Key(_Model):
    """What is known of a key; the key itself is not.

    Attributes:
        id: Stands in the key after `cqa_`; it is no secret.
        scopes: What it lets do. Who may write may ask as well.
        expires_at: From then on it lets do nothing; null if it does not expire.
        sha256: Of the whole key. A slow, salted hash is for secrets that people think up: this one
            is 256 random bits, which nobody finds by trying, however fast that is.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...] = Field(min_length=1)
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    sha256: str = Field(pattern="^[0-9a-f]{64}$")

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.WRITE in self.scopes


class _File(_Model):
    """What `keys.json` holds."""

    format: Literal[1] = 1
    keys: tuple[Key, ...] = ()


class KeyStore:
    """The keys in a file, and the one of the settings, which may do everything.

    Every look is at the file as it is now, so that all processes see a new key, or that one is
    gone, at once; it is read again only when it has changed.
    """

    def __init__(self, path: Path, configured: SecretStr | None = None) -> None:
        """Reads nothing yet; without a file there are no keys."""
        self.path = path
        self._configured = _configured_key(configured) if configured else None
        self._read: tuple[tuple[int, int, int], tuple[Key, ...]] | None = None

    def all(self) -> tuple[Key, ...]:
        """The keys of the file, oldest first, with those that have expired.

        Raises:
            KeyStoreError: The file is damaged, or cannot be read.
        """
        try:
            # The look comes before the reading: what changes in between is read at the next one.
            status = self.path.stat()
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if self._read is None or self._read[0] != seen:
                self._read = (seen, _File.model_validate_json(self.path.read_bytes()).keys)
            return self._read[1]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise KeyStoreError(f"the keys cannot be read: {error}") from error
        except ValidationError as error:
            raise KeyStoreError(
                f"the keys in {self.path} are damaged: restore the file, or delete it and create "
                "the keys anew; until then, only CAMPUS_QA_API_KEY lets in"
            ) from error

    def find(self, given: bytes) -> Key | None:
        """The key that was sent, if it is known and has not expired.

        Raises:
            KeyStoreError: The file is damaged, or cannot be read.
        """
        digest = hashlib.sha256(given).hexdigest()
        if self._configured and hmac.compare_digest(self._configured.sha256, digest):
            return self._configured
        same = (key for key in self.all() if hmac.compare_digest(key.sha256, digest))
        return next((key for key in same if not key.expired), None)

    def needed_for(self, scope: Scope) -> bool:
        """Whether there is a key for this. One that has expired counts: that its time is over must
        not open to all what it closed. The key of the settings closes writing alone.

        Raises:
            KeyStoreError: The file is damaged, or cannot be read.
        """
        if scope == Scope.WRITE and self._configured:
            return True
        return any(scope in key.scopes for key in self.all())

    def create(
        self, name: str, scopes: Sequence[Scope], lifetime: timedelta | None = None
    ) -> tuple[Key, str]:
        """Make a key. It is returned here, and can never be had again.

        Raises:
            KeyStoreError: There is a key of this name, or the file is damaged or cannot be read.
        """
        now = datetime.now(UTC).replace(microsecond=0)
        id = secrets.token_hex(6)
        text = f"{_PREFIX}{id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        key = Key(
            id=id,
            name=name,
            scopes=tuple(dict.fromkeys(scopes)),
            created_at=now,
            expires_at=now + lifetime if lifetime else None,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
        )
        with self._lock():
            keys = self.all()
            if any(known.name == name for known in keys):
                raise KeyStoreError(
                    f"there is a key called {name!r} already: choose another name, or revoke it"
                )
            self._write((*keys, key))
        return key, text

    def revoke(self, id_or_name: str, *, may_open: bool) -> Key:
        """Remove a key: from now on it lets do nothing.

        Args:
            id_or_name: Of the key.
            may_open: Remove it even if asking is then open to all, as it is without a key for it.

        Raises:
            KeyStoreError: There is no such key, asking would be open, or the file is damaged or
                cannot be read. Nothing has changed.
        """
        with self._lock():
            keys = self.all()
            same_id = (key for key in keys if key.id == id_or_name)
            same_name = (key for key in keys if key.name == id_or_name)
            key = next(same_id, None) or next(same_name, None)
            if key is None:
                raise KeyStoreError(f"there is no key {id_or_name!r}: see `campus-qa keys list`")
            left = tuple(other for other in keys if other is not key)
            closed = any(Scope.ASK in other.scopes for other in left)
            if Scope.ASK in key.scopes and not closed and not may_open:
                raise KeyStoreError(
                    f"{key.name!r} is the last key for asking: without one, all who can reach the "
                    "service may ask. Create another first, or say that this is meant with --open"
                )
            self._write(left)
        return key

    def _write(self, keys: tuple[Key, ...]) -> None:
        temporary = self.path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        temporary.touch(mode=0o600, exist_ok=False)
        temporary.write_text(_File(keys=keys).model_dump_json(indent=2), encoding="utf-8")
        sync(temporary)
        os.replace(temporary, self.path)
        sync(self.path.parent)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock")):
            yield


def _configured_key(secret: SecretStr) -> Key:
    name = "CAMPUS_QA_API_KEY"
    return Key(
        id=name,
        name=name,
        scopes=(Scope.ASK, Scope.WRITE),
        created_at=datetime.now(UTC),
        sha256=hashlib.sha256(secret.get_secret_value().encode()).hexdigest(),
    )
