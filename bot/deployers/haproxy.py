"""HAProxy as a deployer: two slots of one backend that swap roles, moved by the runtime API.

A slot is a server, or a group of servers whose names begin alike. One slot holds the current
version, the other the candidate or the idle previous one; the next release goes to the slot that
is free, so no release needs a different configuration from the last. Every process of the fleet
is told and read back, and an effect counts only when all of them show it.

What HAProxy can't know is which version a slot holds. A record in the folder `state`, written
after each finished install and read again for every operation, says so; it survives restarts of
the bot and of HAProxy, and bots that stand in for each other share it through a common folder.
The alternative, a variable inside HAProxy, would be lost with the process and puts it into its
experimental mode. Who can ask the hosts themselves configures `observe`, a command that prints
{"blue": {"version": "v1.1.0", "artifact": "sha256:..."}, ...}; its word replaces the record's.

Roles come from the record too. Before the first release the current slot is the one with more
weight, the first one when they are equal.

HAProxy forgets runtime weights when it restarts. That shows as drift until the next change, since
every change asserts all weights again; `server-state-file` with `load-server-state-from-file`
in HAProxy's own configuration keeps them.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
from msgspec import Meta

from bot.deployers import confirm
from bot.deployers.haproxy_fleet import Fleet, weights_line
from bot.deployers.haproxy_runtime import HaproxyProcess, parse_address
from bot.deployers.haproxy_slots import RecordFile, server_weights
from bot.deployers.haproxy_state import (
    State,
    all_answer,
    not_overtaken,
    retirable,
    safe_to_raise,
)
from bot.deployers.process import (
    CommandOptions,
    check_placeholders,
    fill,
    outcome,
    resolve,
    run,
    target_values,
)
from bot.domain.plan_terms import Closed, Duration
from bot.domain.units import format_duration, parse_duration
from bot.ports import (
    Capabilities,
    Deployer,
    Observation,
    Op,
    PermanentError,
    Release,
    Target,
    TemporaryError,
)

log = logging.getLogger(__name__)

_POLL = 0.1
_LONG = timedelta(minutes=10)
_INSTALL = ("slot", "version", "artifact", "service", "environment", "key", "seq")
_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]+$")]
_SlotName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]+\*?$")]


class HaproxyOptions(Closed, frozen=True, kw_only=True, tag_field="kind", tag="haproxy"):
    """Options of `kind: haproxy`.

    sockets: unix:/path or tcp:host:port, one for every process of the fleet.
    slots: a server, or a group: `blue` stands for every server whose name begins with it when no
        server is called exactly that; with `blue*` the number of servers that take traffic
        follows the plan's `instances` too.
    prepare: installs a version in a slot; {slot} {version} {artifact} {service} {environment}
        {key} {seq} are replaced. Its time limit also covers waiting for the health checks.
    resolve: prints the digest of {version}, ends with 66 when there is none; without it releases
        have no digest. observe: see above.
    state: folder of the record. initial: version that runs before the first recorded release.
    drain: how long open sessions may take when a side is retired and the plan does not say.
    timeout: of one socket call.
    """

    sockets: Annotated[tuple[str, ...], Meta(min_length=1)]
    backend: _Name
    slots: tuple[_SlotName, _SlotName]
    prepare: CommandOptions
    resolve: CommandOptions | None = None
    observe: CommandOptions | None = None
    state: str = "countersign-state"
    initial: str = "unknown"
    drain: Duration = "30s"
    timeout: Duration = "2s"


class HaproxyDeployer:
    """Implements `Deployer` on a fleet of HAProxy processes."""

    def __init__(self, options: HaproxyOptions) -> None:
        """Raises ValueError for options that can't work."""
        check_placeholders(options.prepare.command, _INSTALL, "prepare")
        for name in ("resolve", "observe"):
            command: CommandOptions | None = getattr(options, name)
            if command is not None:
                known = ("service", "environment", *(("version",) if name == "resolve" else ()))
                check_placeholders(command.command, known, name)
        if options.slots[0].rstrip("*") == options.slots[1].rstrip("*"):
            raise ValueError("slots: two different ones are needed")
        limit = parse_duration(options.timeout).total_seconds()
        processes = [HaproxyProcess(parse_address(each), limit=limit) for each in options.sockets]
        self._fleet = Fleet(processes, options.backend, options.slots)
        self._options = options
        self._groups = any(slot.endswith("*") for slot in options.slots)

    def capabilities(self) -> Capabilities:
        digests = self._options.resolve is not None
        return Capabilities(instances=self._groups, resolves_digests=digests)

    async def resolve(self, target: Target, version: str) -> Release:
        return await resolve(self._options.resolve, target, version)

    async def observe(self, target: Target) -> Observation:
        return (await self._look(target)).observation()

    async def prepare(self, target: Target, release: Release, op: Op) -> Observation:
        loop = asyncio.get_running_loop()
        limit = self._options.prepare.limit(_LONG)
        deadline = loop.time() + limit.total_seconds()
        slot, installed = await self._make_room(target, release, op)
        if not installed:
            await self._install(target, slot, release, op, limit)
            await self._take_in(target, slot, release, op)
        while True:
            state = await self._look(target)
            not_overtaken(state.record, op)
            seen = state.observation()
            missing = confirm.is_prepared(seen, release)
            if not missing:
                return seen
            if loop.time() > deadline:
                span = format_duration(limit)
                raise TemporaryError(f"not ready within {span}: {missing}")
            await asyncio.sleep(_POLL)

    async def shift(
        self, target: Target, release: Release, weight: float, op: Op, instances: int | None = None
    ) -> Observation:
        async with self._change(target, op).locked():
            state = await self._begin(target, op)
            seen = state.observation()
            held = state.held(state.other)
            if held is None or not confirm.same(held, release):
                raise PermanentError(f"{release.version} is not prepared", code="not_prepared")
            candidate = seen.candidate
            if candidate is not None and weight > candidate.weight:
                safe_to_raise(state, candidate)
            await self._weigh(state, state.other, weight, instances if self._groups else None)
            seen = (await self._look(target)).observation()
            confirm.require(confirm.is_shifted(seen, release, weight))
            return seen

    async def promote(self, target: Target, release: Release, op: Op) -> Observation:
        record_file = self._change(target, op)
        async with record_file.locked():
            state = await self._begin(target, op)
            held = state.held(state.other)
            if held is not None and confirm.same(held, release):
                confirm.require(confirm.is_shifted(state.observation(), release, 100))
                record_file.write(state.record.with_current(state.other))
            seen = (await self._look(target)).observation()
            confirm.require(confirm.is_current(seen, release))
            return seen

    async def rollback(self, target: Target, release: Release, op: Op) -> Observation:
        record_file = self._change(target, op)
        async with record_file.locked():
            state = await self._begin(target, op, lenient=True)
            slot = state.slot_of(release)
            if slot is None:
                message = f"{release.version} is not installed any more"
                raise PermanentError(message, code="not_installed")
            if slot != state.current and not state.view.any_up(slot):
                # An idle side that is down would turn a bad release into an outage.
                raise TemporaryError(f"{release.version} in {slot} is down; prepare it again")
            away = self._fleet.opposite(slot)
            drain = [f"{name} state drain" for name in state.view.names(away)]
            # First, so that a repeat after a crash or a silent process finds the roles settled.
            record_file.write(state.record.with_current(slot))
            await self._weigh(state, slot, 100, None, drain)
            seen = (await self._look(target, lenient=True)).observation()
            confirm.require(confirm.is_current(seen, release))
            return seen

    async def retire(self, target: Target, release: Release, op: Op) -> Observation:
        record_file = self._change(target, op)
        async with record_file.locked():
            state = await self._begin(target, op)
            slot = retirable(state, release)
            if slot is not None:
                drain = [f"{name} state drain" for name in state.view.names(slot)]
                await self._weigh(state, state.current, 100, None, drain)
        if slot is not None:
            await self._drained(target, slot, op)
            async with record_file.locked():
                state = await self._begin(target, op)
                stop = [f"{name} state maint" for name in state.view.names(slot)]
                await self._fleet.change(stop)
                record_file.write(state.record.install(slot, None))
        seen = (await self._look(target)).observation()
        confirm.require(confirm.is_retired(seen, release))
        return seen

    async def _make_room(self, target: Target, release: Release, op: Op) -> tuple[str, bool]:
        """All traffic to the current slot, the other one out of service unless this very change
        has installed the release there before (a lost reply)."""
        record_file = self._change(target, op)
        async with record_file.locked():
            state = await self._begin(target, op)
            current, slot = state.held(state.current), state.other
            if current is not None and confirm.same(current, release):
                raise PermanentError(f"{release.version} is current already", code="is_current")
            all_answer(state.view)
            installed = state.record.prepared == op.key and state.slot_of(release) == slot
            names = state.view.names(slot)
            if installed:
                extra = [f"{name} state ready" for name in names if state.view.is_stopped(name)]
            else:
                extra = [f"{name} state maint" for name in names]
                record = state.record.with_current(state.current).install(slot, None)
                record_file.write(record.remember(state.current, current))
            await self._weigh(state, state.current, 100, None, extra)
            return slot, installed

    async def _install(
        self, target: Target, slot: str, release: Release, op: Op, limit: timedelta
    ) -> None:
        values = target_values(target) | {
            "slot": slot.rstrip("*"),
            "version": release.version,
            "artifact": release.artifact,
            "key": op.key,
            "seq": str(op.seq),
        }
        argv = fill(self._options.prepare.command, values)
        env = {"COUNTERSIGN_KEY": op.key, "COUNTERSIGN_SEQ": str(op.seq)}
        outcome(argv, await run(argv, env=env, limit=limit))

    async def _take_in(self, target: Target, slot: str, release: Release, op: Op) -> None:
        """Record what was installed and let HAProxy look at it, from scratch: a server that comes
        out of maintenance counts as up until a check fails, which would prove nothing."""
        record_file = self._change(target, op)
        async with record_file.locked():
            state = await self._begin(target, op)
            record = state.record.install(slot, release)
            record_file.write(msgspec.structs.replace(record, prepared=op.key))
            lines: list[str] = []
            for name in state.view.names(slot):
                lines += [f"{name} weight 0", f"{name} state ready"]
                if state.view.is_checked(name):
                    lines.append(f"{name} health down")
            await self._fleet.change(lines)

    async def _drained(self, target: Target, slot: str, op: Op) -> None:
        """Until no session is open to the slot, for as long as the plan or `drain` says."""
        loop = asyncio.get_running_loop()
        patience = op.drain if op.drain is not None else parse_duration(self._options.drain)
        deadline = loop.time() + patience.total_seconds()
        while await self._fleet.sessions(slot) and loop.time() < deadline:
            await asyncio.sleep(_POLL)
            not_overtaken(self._record(target).read(), op)

    async def _weigh(
        self,
        state: State,
        slot: str,
        percent: float,
        instances: int | None,
        extra: list[str] | None = None,
    ) -> None:
        """Give `slot` its share and the opposite one the rest, on every process that answers.

        extra: further changes in the same line. Raises TemporaryError when a process was silent.
        """
        there, here = state.view.names(slot), state.view.names(self._fleet.opposite(slot))
        taking = there if instances is None else there[: max(1, instances)]
        if instances is not None and instances > len(there):
            message = f"{slot} has {len(there)} servers, {instances} are asked for"
            raise PermanentError(message, code="instances")
        left, right = server_weights(percent, state.view.awake(taking), state.view.awake(here))
        wanted = {name: left if name in taking else 0 for name in there}
        wanted |= dict.fromkeys(here, right)
        await self._fleet.change(weights_line(state.view, wanted) + (extra or []))
        all_answer(state.view)

    async def _begin(self, target: Target, op: Op, *, lenient: bool = False) -> State:
        """Let a change in, durably, before it has any effect. Only under the lock."""
        record_file = self._record(target)
        record = record_file.read().accept(op)
        record_file.write(record)
        return await self._look(target, lenient=lenient)

    async def _look(self, target: Target, *, lenient: bool = False) -> State:
        """lenient: a rollback goes by the record rather than fail with the `observe` command."""
        record = self._record(target).read()
        view = await self._fleet.look()
        try:
            told = await self._told(target)
        except (TemporaryError, PermanentError) as error:
            if not lenient:
                raise
            log.warning("rolling back by the record, since `observe` failed: %s", error)
            told = None
        return State(view, record, told, self._options.slots, self._options.initial)

    async def _told(self, target: Target) -> Mapping[str, Release] | None:
        """What the `observe` command says is installed, None when there is none."""
        options = self._options.observe
        if options is None:
            return None
        argv = fill(options.command, target_values(target))
        done = await run(argv, env={}, limit=options.limit())
        outcome(argv, done)
        try:
            return msgspec.json.decode(done.stdout, type=dict[str, Release])
        except msgspec.DecodeError as error:
            raise TemporaryError(f"{argv[0]} did not say what runs: {error}") from error

    def _change(self, target: Target, op: Op) -> RecordFile:
        if not op.key or op.seq < 1:
            raise PermanentError("a change needs a key and a sequence number", code="bad_op")
        return self._record(target)

    def _record(self, target: Target) -> RecordFile:
        return RecordFile(Path(self._options.state), target)


def build(
    options: HaproxyOptions,
    *,
    http: httpx.AsyncClient,  # noqa: ARG001  # one signature for all backends
    secret: str,  # noqa: ARG001
    now: Callable[[], datetime],  # noqa: ARG001
) -> Deployer:
    """The backend for `kind: haproxy`. Raises ValueError when the options can't work."""
    return HaproxyDeployer(options)
