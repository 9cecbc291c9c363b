"""Anchors of the record in a file: on a disk, or on a share, that the database's owner can't write.

One JSON object in a line; nothing is ever taken out. What `countersign audit verify --anchors`
reads is any text in which anchors stand, so such a file is as good as messages copied from Slack.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from bot.domain.anchors import Anchor, anchors_in
from bot.ports import PermanentError, TemporaryError

_FULL = (28, 122)
"""ENOSPC, EDQUOT: somebody makes room, and then it works."""


class AnchorFile:
    """Implements `bot.engine.notary.AnchorBook`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def kept(self) -> Sequence[Anchor]:
        """All that were kept; none when there is no file yet. Raises PermanentError."""
        return await asyncio.to_thread(self._read)

    async def keep(self, anchor: Anchor, at: datetime) -> None:
        """Add a line, and have it on the disk. Raises TemporaryError, PermanentError."""
        await asyncio.to_thread(self._write, anchor, at)

    def _read(self) -> Sequence[Anchor]:
        try:
            return tuple(anchors_in(self._path.read_text("utf-8")))
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise PermanentError(f"{self._path} can't be read: {error}") from error

    def _write(self, anchor: Anchor, at: datetime) -> None:
        line = json.dumps({"at": at.isoformat(), "anchor": str(anchor)}) + "\n"
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, line.encode())
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            text = f"{self._path} can't be written: {error.strerror or error}"
            if error.errno in _FULL:
                raise TemporaryError(text) from error
            raise PermanentError(text) from error
