"""The store: snapshots side by side on disk, and which one is current."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from corpus import sync
from index.files import MANIFEST
from index.manifest import Manifest
from index.snapshot import Snapshot, SnapshotError, read_manifest

_CURRENT = "CURRENT"
_LOCK = "LOCK"
_PATIENCE = 0.5
_SNAPSHOTS = "snapshots"
_STAGING = "building-"
_DROPPED = "dropped-"


class SnapshotStore:
    """A directory with `snapshots/<version>/` and a file `CURRENT` that names one of them.

    A snapshot is written beside the others and published by replacing `CURRENT`, in one step: at
    every moment the current snapshot is complete, whatever happens to the builder.
    """

    def __init__(self, root: Path, keep: int = 3) -> None:
        """`keep`: how many snapshots stay on disk, the current one counted."""
        self.root = root
        self._keep = keep

    def current_version(self) -> str:
        """Raises SnapshotError if nothing has been published yet, or the index has been retired."""
        try:
            version = (self.root / _CURRENT).read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise SnapshotError(
                f"there is no index in {self.root}: build one with `campus-qa index build`"
            ) from error
        if not version:
            raise SnapshotError(
                f"the index in {self.root} is empty, all its documents have been removed: "
                "add some, or build one with `campus-qa index build`"
            )
        return version

    def current(self) -> Path:
        """The directory of the current snapshot; raises SnapshotError if there is none."""
        return self.root / _SNAPSHOTS / self.current_version()

    def directory(self, version: str) -> Path:
        """The directory of a snapshot.

        Raises:
            SnapshotError: There is no such version.
        """
        versions = self.versions()
        if version not in versions:
            raise SnapshotError(
                f"there is no version {version!r} of the index; there are: "
                f"{', '.join(versions) or 'none'}"
            )
        return self.root / _SNAPSHOTS / version

    def versions(self) -> list[str]:
        """The versions on disk, oldest first."""
        return sorted(p.parent.name for p in (self.root / _SNAPSHOTS).glob(f"*/{MANIFEST}"))

    def manifests(self) -> list[Manifest]:
        """The manifests of the versions on disk, oldest first; without those of another format, or
        dropped meanwhile.
        """
        found = []
        for version in self.versions():
            with suppress(SnapshotError):
                found.append(read_manifest(self.root / _SNAPSHOTS / version))
        return found

    def load(self) -> Snapshot:
        """Read the current snapshot into memory; raises SnapshotError as `Snapshot.load` does."""
        while True:
            version = self.current_version()
            try:
                return Snapshot.load(self.root / _SNAPSHOTS / version)
            except SnapshotError:
                # It may have been replaced and dropped meanwhile.
                if self.current_version() == version:
                    raise

    @contextmanager
    def lock(self, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Keep other builders away, in this process and in others, until the end of the block.

        The operating system frees the lock of a builder that dies. What such a builder left behind
        is removed.

        Args:
            waiting: Called again and again while another builder holds it; what it raises ends the
                wait.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / _LOCK)
        timeout = 0.0
        while not lock.is_locked:
            try:
                lock.acquire(timeout=timeout)
            except Timeout:
                waiting()
                timeout = _PATIENCE
        try:
            for pattern in (f"{_STAGING}*", f"{_DROPPED}*"):
                for leftover in self.root.glob(pattern):
                    shutil.rmtree(leftover, ignore_errors=True)
            for pointer in self.root.glob(f"{_CURRENT}.*"):
                pointer.unlink(missing_ok=True)
            yield
        finally:
            lock.release()

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty directory for a builder, on the same disk; removed unless it was published."""
        self.root.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.root))
        directory.chmod(0o755)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def publish(self, directory: Path) -> Manifest:
        """Make a complete staged snapshot the current one, and drop the oldest beyond `keep`."""
        manifest = read_manifest(directory)
        for path in sorted(directory.rglob("*")):
            sync(path)
        sync(directory)
        target = self.root / _SNAPSHOTS / manifest.version
        target.parent.mkdir(exist_ok=True)
        os.replace(directory, target)
        sync(target.parent)
        before = self._published()
        self._point_to(manifest.version)
        self._drop_oldest(manifest.version, before)
        return manifest

    def rollback(
        self, version: str | None = None, waiting: Callable[[], None] = lambda: None
    ) -> Manifest:
        """Make another version on disk the current one; by default the one before it.

        A builder that is at work is waited for, as in `lock`: it could drop that version.

        Raises:
            SnapshotError: There is no such version, or it cannot be read.
        """
        with self.lock(waiting):
            manifest = read_manifest(self.directory(version or self.version_before()))
            self._point_to(manifest.version)
        return manifest

    def version_before(self) -> str:
        """The version before the current one; the last one if the index has been retired.

        Raises:
            SnapshotError: There is none.
        """
        versions = self.versions()
        try:
            current = self.current_version()
        except SnapshotError:
            if versions:
                return versions[-1]
            raise
        older = [version for version in versions if version < current]
        if not older:
            raise SnapshotError(f"there is no version before {current}")
        return older[-1]

    def retire(self) -> None:
        """Have no current snapshot any more; those on disk stay, for `rollback`."""
        self._point_to("")

    def _point_to(self, version: str) -> None:
        pointer = self.root / f"{_CURRENT}.{os.getpid()}"
        pointer.write_text(version + "\n", encoding="utf-8")
        sync(pointer)
        os.replace(pointer, self.root / _CURRENT)
        sync(self.root)

    def _published(self) -> list[str]:
        try:
            return [self.current_version()]
        except SnapshotError:
            return []

    def _drop_oldest(self, current: str, before: list[str]) -> None:
        """Keep the current version, the one published before it, and the newest of the others.

        A builder that was killed may have left a newer one than either, which was never current.
        """
        versions = self.versions()
        kept = dict.fromkeys([current, *before, *reversed(versions)])
        for version in [version for version in kept if version in versions][self._keep :]:
            # Out of sight in one step, so that no half of a snapshot is ever listed.
            dropped = self.root / f"{_DROPPED}{version}"
            os.replace(self.root / _SNAPSHOTS / version, dropped)
            shutil.rmtree(dropped, ignore_errors=True)
