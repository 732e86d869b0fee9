"""The store: snapshots side by side on disk, and which one is current."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.manifest import Manifest
from index.snapshot import MANIFEST, Snapshot, SnapshotError, read_manifest

_CURRENT = "CURRENT"
_SNAPSHOTS = "snapshots"


class SnapshotStore:
    """A directory with `snapshots/<version>/` and a file `CURRENT` that names one of them.

    A snapshot is written beside the others and published by replacing `CURRENT`, in one step: at
    every moment the current snapshot is complete, whatever happens to the builder.
    """

    def __init__(self, root: Path, keep: int = 3) -> None:
        """`keep`: how many snapshots stay on disk, the current one counted."""
        self.root = root
        self._keep = keep

    def current(self) -> Path:
        """The directory of the current snapshot.

        Raises:
            SnapshotError: Nothing has been published yet.
        """
        try:
            version = (self.root / _CURRENT).read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise SnapshotError(
                f"there is no index in {self.root}: build one with `campus-qa index build`"
            ) from error
        return self.root / _SNAPSHOTS / version

    def load(self) -> Snapshot:
        """Read the current snapshot into memory; raises SnapshotError as `current` does."""
        return Snapshot.load(self.current())

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty directory for a builder, on the same disk; removed unless it was published."""
        self.root.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix="building-", dir=self.root))
        directory.chmod(0o755)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def publish(self, directory: Path) -> Manifest:
        """Make a complete staged snapshot the current one, and drop the oldest beyond `keep`."""
        manifest = read_manifest(directory)
        for path in sorted(p for p in directory.rglob("*") if p.is_file()):
            _sync(path)
        target = self.root / _SNAPSHOTS / manifest.version
        target.parent.mkdir(exist_ok=True)
        os.replace(directory, target)
        _sync(target.parent)
        pointer = self.root / f"{_CURRENT}.{os.getpid()}"
        pointer.write_text(manifest.version + "\n", encoding="utf-8")
        _sync(pointer)
        os.replace(pointer, self.root / _CURRENT)
        _sync(self.root)
        self._drop_oldest(manifest.version)
        return manifest

    def _drop_oldest(self, current: str) -> None:
        versions = sorted(p.parent.name for p in (self.root / _SNAPSHOTS).glob(f"*/{MANIFEST}"))
        older = [version for version in versions if version != current]
        for version in older[: max(0, len(older) - (self._keep - 1))]:
            shutil.rmtree(self.root / _SNAPSHOTS / version)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
