"""A target that remembers: two versions, a weight, and every change with its key and number.

It behaves like the real contract: a key counts once, an older number is refused, what was asked is
read back. Faults are put in from outside, one for each call.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.audience import Routing
from bot.ports import (
    Capabilities,
    Observation,
    Op,
    PermanentError,
    Release,
    Side,
    StaleOpError,
    Target,
    TemporaryError,
)


@dataclass
class Fault:
    """What goes wrong at one call. applied: it had its effect before it went wrong."""

    error: Exception
    applied: bool = False


@dataclass
class FakeDeployer:
    """One target with the current version and, beside it, perhaps a candidate."""

    current: str = "v1"
    candidate: str = ""
    weight: float = 0.0
    audience: str = ""
    seq: int = 0
    keeps_seq: bool = True
    unknown_versions: frozenset[str] = frozenset({"v404"})
    artifacts: dict[str, str] = field(default_factory=dict)
    can: Capabilities = field(default_factory=lambda: Capabilities(instances=True))
    faults: list[Fault] = field(default_factory=list)
    blind: Exception | None = None
    applied: list[tuple[str, str, float]] = field(default_factory=list)
    drains: list[tuple[str, timedelta | None]] = field(default_factory=list)
    routings: list[tuple[str, Routing]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def capabilities(self) -> Capabilities:
        return self.can

    async def resolve(self, target: Target, version: str) -> Release:
        if version in self.unknown_versions:
            raise PermanentError(f"there is no {version}", code="unknown_version")
        return self.release(version)

    async def observe(self, target: Target) -> Observation:
        if self.blind is not None:
            raise self.blind
        beside = self.candidate or None
        return Observation(
            current=Side(self.release(self.current), 100 - self.weight, ready=True),
            candidate=beside
            and Side(self.release(beside), self.weight, ready=True, audience=self.audience),
            seq=self.seq if self.keeps_seq else 0,
        )

    async def prepare(self, target: Target, release: Release, op: Op) -> Observation:
        def work() -> None:
            self.candidate, self.weight = release.version, 0.0

        return await self._change("prepare", target, release, op, work)

    async def shift(
        self, target: Target, release: Release, weight: float, op: Op, instances: int | None = None
    ) -> Observation:
        def work() -> None:
            if self.candidate != release.version:
                raise PermanentError(f"{release.version} is not installed")
            self.weight, self.audience = weight, op.routing.audience

        return await self._change("shift", target, release, op, work)

    async def promote(self, target: Target, release: Release, op: Op) -> Observation:
        def work() -> None:
            self.current, self.candidate, self.weight = release.version, self.current, 0.0

        return await self._change("promote", target, release, op, work)

    async def retire(self, target: Target, release: Release, op: Op) -> Observation:
        def work() -> None:
            self.candidate, self.weight = "", 0.0

        return await self._change("retire", target, release, op, work)

    async def rollback(self, target: Target, release: Release, op: Op) -> Observation:
        def work() -> None:
            if release.version == self.candidate:
                self.current, self.candidate = self.candidate, self.current
            if release.version != self.current:
                raise PermanentError(f"{release.version} is not installed")
            self.weight = 0.0

        return await self._change("rollback", target, release, op, work)

    def release(self, version: str) -> Release:
        """The release of a version: its artifact is made of its name unless set otherwise."""
        return Release(version, self.artifacts.get(version, f"sha256:{version}"))

    def fail(self, *errors: Exception, applied: bool = False) -> None:
        """Let the next changes go wrong, one after the other."""
        self.faults += [Fault(error, applied) for error in errors]

    async def _change(
        self, name: str, target: Target, release: Release, op: Op, work: Callable[[], None]
    ) -> Observation:
        self.calls.append(name)
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and not fault.applied:
            raise fault.error
        self._apply(name, release, op, work)
        if fault is not None:
            raise fault.error
        return await self.observe(target)

    def _apply(self, name: str, release: Release, op: Op, work: Callable[[], None]) -> None:
        if op.key in self.keys:
            return
        if self.keeps_seq and op.seq <= self.seq:
            raise StaleOpError(f"number {op.seq} is older than {self.seq}")
        work()
        self.seq = max(self.seq, op.seq)
        self.keys.append(op.key)
        self.applied.append((name, release.version, self.weight))
        self.drains.append((name, op.drain))
        self.routings.append((name, op.routing))


def broken(message: str = "503", **more: bool) -> TemporaryError:
    """A failure that may pass."""
    return TemporaryError(message, unknown=more.get("unknown", False))
