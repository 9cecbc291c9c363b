"""What a SQLite file asks of its surroundings: a local disk, and one process that writes.

Both are checked before the first statement, because neither is noticed until data is lost.
"""

import fcntl
import logging
import os
import sqlite3
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

SAFE_SQLITE = (3, 51, 3)
"""First version without the bug that can corrupt a write-ahead log when it is reset."""

_NETWORK = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre",
        "9p", "beegfs", "gpfs", "ocfs2", "gfs2", "davfs", "fuse.sshfs", "fuse.s3fs",
        "fuse.glusterfs", "fuse.ceph-fuse", "fuse.rclone", "fuse.davfs2", "fuse.gcsfuse",
    }
)  # fmt: skip


class UnsuitablePlaceError(Exception):
    """The database file lies where its contents can't be kept safe; the message says what to do."""


class AlreadyRunningError(Exception):
    """Another process has the database open for writing; the message names it."""


def file_system_of(path: Path, mounts: str) -> str:
    """The type of the file system that `path` (absolute) is on.

    mounts: the contents of /proc/mounts. Returns "" when no line covers the path.
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " "))
        # A later mount on the same point hides the earlier one.
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind


def refuse_network(path: Path, mounts: str) -> None:
    """Raises UnsuitablePlaceError when `path` is on a network file system."""
    kind = file_system_of(path, mounts)
    if kind.lower() in _NETWORK:
        raise UnsuitablePlaceError(
            f"{path} is on a network file system ({kind}), whose locks don't protect a SQLite "
            "database. Put the file on a local disk, or use PostgreSQL: "
            "COUNTERSIGN_DATABASE_URL=postgresql+asyncpg://user@host/name"
        )


def check_place(path: Path) -> None:
    """Refuse a file that can't be safe where it is. Raises UnsuitablePlaceError."""
    if not path.parent.is_dir():
        raise UnsuitablePlaceError(f"the folder {path.parent} does not exist; create it first")
    mounts = Path("/proc/mounts")
    if mounts.exists():
        refuse_network(path.resolve(), mounts.read_text())


def warn_old_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Say so when the SQLite library has a known bug."""
    if version < SAFE_SQLITE:
        log.warning(
            "SQLite %s is older than 3.51.3, which fixes a rare corruption of the write-ahead log; "
            "one process with one connection is not affected as far as known, but update it",
            ".".join(map(str, version)),
        )


class WriterLock:
    """The right to write to a database file: a lock beside it, which dies with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Raises AlreadyRunningError naming the process that holds the lock."""
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise AlreadyRunningError(
                f"another Countersign process (pid {holder}) has this database open; stop it, or "
                "use PostgreSQL to run several"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
