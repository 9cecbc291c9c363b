"""Arithmetic and memory of the two slots: exact weights, and the record of what they hold.

HAProxy knows weights but no versions. The record is a small JSON file per target, replaced
atomically and read again for every operation, so that it outlives the bot and can be shared by
several of its processes through a common folder.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from fractions import Fraction
from math import gcd, lcm
from pathlib import Path
from urllib.parse import quote

import msgspec

from bot.deployers.haproxy_runtime import MAX_WEIGHT
from bot.ports import Op, PermanentError, Release, StaleOpError, Target, TemporaryError

_LOCK_PATIENCE = 10.0
_LOCK_PAUSE = 0.02


class Record(msgspec.Struct, frozen=True):
    """What is known about a target beside its weights.

    seq, key: of the newest change. current: the slot whose version is the current one, "" before
    the first release. slots: what is installed where. prepared: key of the newest finished install.
    """

    seq: int = 0
    key: str = ""
    current: str = ""
    slots: Mapping[str, Release] = {}
    prepared: str = ""

    def accept(self, op: Op) -> "Record":
        """The record after `op` was let in. Raises StaleOpError when a newer one was seen."""
        if op.seq < self.seq or (op.seq == self.seq and op.key != self.key):
            message = f"change {op.seq} is older than {self.seq}, which the target has seen"
            raise StaleOpError(message, code="stale_seq")
        return msgspec.structs.replace(self, seq=op.seq, key=op.key)

    def install(self, slot: str, release: Release | None) -> "Record":
        """The record with another release, or none, in a slot."""
        rest = {name: held for name, held in self.slots.items() if name != slot}
        slots = rest if release is None else rest | {slot: release}
        return msgspec.structs.replace(self, slots=slots)

    def remember(self, slot: str, release: Release | None) -> "Record":
        """The record with a release in a slot, unless that is unknown or already noted."""
        return self if release is None or slot in self.slots else self.install(slot, release)

    def with_current(self, slot: str) -> "Record":
        return msgspec.structs.replace(self, current=slot)


class RecordFile:
    """The record of one target on disk."""

    def __init__(self, folder: Path, target: Target) -> None:
        name = f"{quote(target.service, safe='')}@{quote(target.environment, safe='')}"
        self._path = folder / f"{name}.json"

    def read(self) -> Record:
        """The record; a new one when there is none. Raises PermanentError when it is damaged."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Record)
        except FileNotFoundError:
            return Record()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PermanentError(f"{self._path} can't be read: {error}", code="record") from error

    def write(self, record: Record) -> None:
        """Replace the record; it is on the disk when this returns. Raises TemporaryError."""
        fresh = self._path.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(record)))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise TemporaryError(f"{self._path} can't be written: {error}") from error

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Keep others out, in this process and in others, while a change is let in and applied.

        Held for socket calls, never while something is installed: a rollback must not wait.
        Raises TemporaryError when it can't be had.
        """
        handle = self._open_lock()
        try:
            await _acquire(handle)
            yield
        finally:
            os.close(handle)

    def _open_lock(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise TemporaryError(f"{self._path.parent} can't be used: {error}") from error


async def _acquire(handle: int) -> None:
    """Polled, because a blocking flock would stop the whole bot."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if loop.time() > deadline:
                raise TemporaryError("another change of this target is being applied") from None
            await asyncio.sleep(_LOCK_PAUSE)
        else:
            return


def server_weights(percent: float, candidates: int, currents: int) -> tuple[int, int]:
    """Weight of each server of the candidate slot and of the current one, for an exact split.

    percent: of the traffic, to the candidate. candidates, currents: servers that share each side.
    Solves (c * candidates) : (k * currents) = percent : (100 - percent) in whole numbers.

    Raises PermanentError when no weights up to 256 give exactly this split.
    """
    share = Fraction(str(percent))
    if not 0 <= share <= 100:
        raise PermanentError(f"{percent:g} % is not a share of the traffic", code="weight")
    each, other = share / candidates, (100 - share) / currents
    scale = lcm(each.denominator, other.denominator)
    left, right = int(each * scale), int(other * scale)
    if max(left, right) > MAX_WEIGHT:
        shrink = gcd(left, right)
        left, right = left // shrink, right // shrink
    if max(left, right) > MAX_WEIGHT:
        raise PermanentError(
            f"{percent:g} % over {candidates} and {currents} servers can't be split exactly with"
            f" HAProxy's weights up to {MAX_WEIGHT}",
            code="weight",
        )
    return left, right
