"""What one look at HAProxy and its record means: roles, versions, and what must not be done now."""

from collections.abc import Mapping

import msgspec

from bot.deployers import confirm
from bot.deployers.haproxy_fleet import View
from bot.deployers.haproxy_slots import Record
from bot.ports import (
    Observation,
    Op,
    PermanentError,
    Release,
    Side,
    StaleOpError,
    TemporaryError,
)


class State(msgspec.Struct, frozen=True):
    """One look.

    told: what the `observe` command said, None when there is none.
    initial: the version that runs before the first recorded release.
    """

    view: View
    record: Record
    told: Mapping[str, Release] | None
    slots: tuple[str, str]
    initial: str

    @property
    def current(self) -> str:
        """The slot of the current version."""
        first, second = self.slots
        if self.record.current in (first, second):
            return self.record.current
        return second if self.view.percent(second) > self.view.percent(first) else first

    @property
    def other(self) -> str:
        first, second = self.slots
        return second if self.current == first else first

    def held(self, slot: str) -> Release | None:
        """What a slot holds; None for an empty one, and for one that nobody has recorded."""
        if self.told is not None:
            return self.told.get(slot.rstrip("*"))
        held = self.record.slots.get(slot)
        if held is None and slot == self.current:
            return Release(self.initial)
        return held

    def slot_of(self, release: Release) -> str | None:
        """Where a release is installed; the current slot first."""
        for slot in (self.current, self.other):
            held = self.held(slot)
            if held is not None and confirm.same(held, release):
                return slot
        return None

    def observation(self) -> Observation:
        current, other = self._side(self.current), self._side(self.other)
        differences = self.view.differences()
        return Observation(
            current,
            other if self.held(self.other) is not None or other.weight else None,
            self.record.seq,
            not differences,
            "; ".join(differences),
        )

    def _side(self, slot: str) -> Side:
        return Side(
            release=self.held(slot) or Release("unknown"),
            weight=self.view.percent(slot),
            ready=self.view.ready(slot),
            instances=self.view.taking(slot),
            slot=slot.rstrip("*"),
        )


def not_overtaken(record: Record, op: Op) -> None:
    """Raise StaleOpError when a newer change was let in while this one went on."""
    if record.seq > op.seq:
        message = f"change {op.seq} was overtaken by {record.seq}"
        raise StaleOpError(message, code="stale_seq")


def all_answer(view: View) -> None:
    """Raise TemporaryError when a process was silent: what it does now is not known."""
    if view.silent:
        message = f"not confirmed: {'; '.join(view.silent.values())}"
        raise TemporaryError(message, unknown=True)


def safe_to_raise(state: State, candidate: Side) -> None:
    """Traffic rises only to what is up, and only when every process can be told.

    Raises TemporaryError otherwise.
    """
    all_answer(state.view)
    if not candidate.ready:
        raise TemporaryError(f"{candidate.release.version} is not ready for more traffic")


def retirable(state: State, release: Release) -> str | None:
    """The slot to stop; None when the release is installed nowhere.

    Raises PermanentError for the current version, TemporaryError when nothing else is up.
    """
    slot = state.slot_of(release)
    if slot is None:
        return None
    if slot == state.current:
        raise PermanentError(f"{release.version} is the current version", code="is_current")
    if not state.view.any_up(state.current):
        raise TemporaryError(f"the current version in {state.current} is down; nothing is stopped")
    return slot
