"""All processes of one HAProxy fleet as one thing that is told and looked at.

A process that lags behind or does not answer is never averaged away: it makes the view uneven,
and the view says which one and how.
"""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from bot.deployers.haproxy_runtime import HaproxyProcess, Server
from bot.ports import PermanentError, TemporaryError

Servers = Mapping[str, Server]


class View(msgspec.Struct, frozen=True):
    """What the processes said at one look.

    seen: servers by name, by process. silent: why a process did not answer. slots: names of the
    servers of each slot, sorted.
    """

    seen: Mapping[str, Servers]
    silent: Mapping[str, str]
    slots: Mapping[str, tuple[str, ...]]

    def names(self, slot: str) -> tuple[str, ...]:
        return self.slots[slot]

    def percent(self, slot: str) -> float:
        """Share of the traffic that the first process gives to a slot, 0..100."""
        servers = next(iter(self.seen.values()))
        total = sum(_share(servers, names) for names in self.slots.values())
        return 100 * _share(servers, self.slots[slot]) / total if total else 0.0

    def ready(self, slot: str) -> bool:
        """Every server of the slot that is meant to take traffic can, as every process sees it."""
        first = next(iter(self.seen.values()))
        names = self.slots[slot]
        meant = tuple(name for name in names if first[name].weight) or names
        return all(
            name in servers and servers[name].ready
            for servers in self.seen.values()
            for name in meant
        )

    def any_up(self, slot: str) -> bool:
        """Each process sees at least one server of the slot that can take traffic."""
        return all(
            any(name in servers and servers[name].ready for name in self.slots[slot])
            for servers in self.seen.values()
        )

    def taking(self, slot: str) -> int:
        """How many servers of the slot are given traffic."""
        return len(self._taking(slot))

    def awake(self, names: Sequence[str]) -> int:
        """How many of these servers share their slot's traffic: an operator may let one rest."""
        resting = sum(any(servers[name].maint for servers in self.seen.values()) for name in names)
        return len(names) - resting or len(names)

    def is_stopped(self, name: str) -> bool:
        """A process keeps the server out of service, or drained."""
        return any(
            server.maint or server.drain
            for servers in self.seen.values()
            for server in [servers[name]]
        )

    def is_drained(self, name: str) -> bool:
        return any(servers[name].drain for servers in self.seen.values())

    def is_checked(self, name: str) -> bool:
        return all(servers[name].checked for servers in self.seen.values())

    def differences(self) -> tuple[str, ...]:
        """In what the processes do not agree, in words; empty when they do."""
        first, *others = self.seen.items()
        found = [f"{address} does not answer" for address in self.silent]
        for address, servers in others:
            for names in self.slots.values():
                found += [
                    f"{address} has {name} at {_state(servers[name])},"
                    f" {first[0]} at {_state(first[1][name])}"
                    for name in names
                    if _state(servers[name]) != _state(first[1][name])
                ]
        return tuple(found)

    def _taking(self, slot: str) -> tuple[str, ...]:
        servers = next(iter(self.seen.values()))
        return tuple(name for name in self.slots[slot] if servers[name].share)


class Fleet:
    """The processes that serve one backend with two slots."""

    def __init__(
        self, processes: Sequence[HaproxyProcess], backend: str, slots: tuple[str, str]
    ) -> None:
        self._processes = processes
        self._backend = backend
        self._slots = slots

    def opposite(self, slot: str) -> str:
        return self._slots[1] if slot == self._slots[0] else self._slots[0]

    async def look(self) -> View:
        """Ask every process. Raises TemporaryError when none answers, PermanentError when the
        backend or a slot does not exist."""
        said = await asyncio.gather(*(self._servers(process) for process in self._processes))
        seen: dict[str, Servers] = {}
        silent: dict[str, str] = {}
        for process, answer in zip(self._processes, said, strict=True):
            if isinstance(answer, TemporaryError):
                silent[str(process.address)] = str(answer)
            else:
                seen[str(process.address)] = answer
        if not seen:
            raise TemporaryError(f"no HAProxy process answers: {'; '.join(silent.values())}")
        return View(seen, silent, {slot: self._members(slot, seen) for slot in self._slots})

    async def change(self, changes: Sequence[str]) -> None:
        """Send `set server BACKEND/...` lines to every process, all of them at once.

        A process that can't be reached does not keep the others from changing; the caller has
        the view's `silent` and the look afterwards to know. Raises PermanentError on a refusal.
        """
        commands = [f"set server {self._backend}/{change}" for change in changes]
        said = await asyncio.gather(
            *(self._change(process, commands) for process in self._processes)
        )
        for refusal in said:
            if isinstance(refusal, PermanentError):
                raise refusal

    async def sessions(self, slot: str) -> int:
        """Sessions open to a slot, over all processes that answer."""
        view = await self.look()
        total = 0
        for process in self._processes:
            if str(process.address) in view.seen:
                counts = await process.sessions(self._backend)
                total += sum(counts.get(name, 0) for name in view.names(slot))
        return total

    async def _servers(self, process: HaproxyProcess) -> Servers | TemporaryError:
        try:
            return await process.servers(self._backend)
        except TemporaryError as error:
            return error

    async def _change(
        self, process: HaproxyProcess, commands: Sequence[str]
    ) -> TemporaryError | PermanentError | None:
        try:
            await process.change(commands)
        except (TemporaryError, PermanentError) as error:
            return error
        return None

    def _members(self, slot: str, seen: Mapping[str, Servers]) -> tuple[str, ...]:
        """The server of exactly this name, else all whose names begin with it."""
        prefix = slot.rstrip("*")
        sets = [_matching(slot, prefix, servers) for servers in seen.values()]
        if not sets[0]:
            message = f"backend {self._backend} has no server for slot {slot}"
            raise PermanentError(message, code="no_server")
        if any(names != sets[0] for names in sets):
            message = f"the processes have different servers for slot {slot}"
            raise PermanentError(message, code="no_server")
        return sets[0]


def weights_line(view: View, wanted: Mapping[str, int]) -> list[str]:
    """Changes that give each server its weight; what is drained and gets traffic is let in."""
    lines = [f"{name} weight {weight}" for name, weight in wanted.items()]
    let_in = [name for name, weight in wanted.items() if weight and view.is_drained(name)]
    return [f"{name} state ready" for name in let_in] + lines


def _matching(slot: str, prefix: str, servers: Servers) -> tuple[str, ...]:
    if slot == prefix and slot in servers:
        return (slot,)
    return tuple(sorted(name for name in servers if name.startswith(prefix)))


def _share(servers: Servers, names: Sequence[str]) -> int:
    return sum(servers[name].share for name in names)


def _state(server: Server) -> str:
    if server.maint:
        return "maintenance"
    return f"weight {server.share}"
