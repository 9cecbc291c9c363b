"""Runs a configured command: no shell, named placeholders, a time limit, its last words kept.

Shared by the backends that call programs. A time-out kills the whole process group, so that no
half-finished installer goes on working after the bot has given up on it.
"""

import asyncio
import os
import re
import signal
from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from bot.domain.plan_terms import Closed, Duration
from bot.domain.units import parse_duration
from bot.ports import PermanentError, Release, Target, TemporaryError

EX_TEMPFAIL = 75
"""sysexits.h: the command asks to be run again later."""

EX_NOINPUT = 66
"""sysexits.h: what `resolve` ends with when there is no such version."""

KEEP = 4096
"""Bytes of output kept for error messages."""

_STDOUT_LIMIT = 1 << 20
_LINGER = 1.0
_DIGEST = re.compile(r"[!-,.-~][!-~]{0,299}")  # one word that no program takes for an option
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class CommandOptions(Closed, frozen=True, kw_only=True):
    """A program and its arguments, as the configuration names them.

    command: argv; `{name}` is replaced, nothing is ever read by a shell.
    timeout: how long it may run before its process group is killed; unset: ten
        minutes for `prepare`, one minute for everything else.
    """

    command: tuple[str, ...]
    timeout: Duration | None = None

    def limit(self, default: timedelta = timedelta(minutes=1)) -> timedelta:
        """The configured time limit, or `default`."""
        return default if self.timeout is None else parse_duration(self.timeout)


class Completed(msgspec.Struct, frozen=True):
    """How a command ended. `stdout` is at most 1 MB; `tail` is the end of stdout and stderr."""

    code: int
    stdout: str
    tail: str


def check_placeholders(command: Sequence[str], known: Sequence[str], where: str) -> None:
    """Refuse a command that is empty or names a placeholder nobody fills.

    where: the option's name, for the message. Raises ValueError.
    """
    if not command or not command[0]:
        raise ValueError(f"{where}: the command is empty")
    for part in command:
        for name in _PLACEHOLDER.findall(part):
            if name not in known:
                names = ", ".join(f"{{{each}}}" for each in known)
                raise ValueError(f"{where}: nothing fills {{{name}}}; known here: {names}")


def fill(command: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """argv with every `{name}` replaced.

    Raises PermanentError when a value could be taken for an option (a leading dash) or holds a
    control character: such a value never comes from an honest release.
    """
    for name, value in values.items():
        if value.startswith("-") or not value.isprintable():
            raise PermanentError(f"{name} {value!r} can't be handed to a command", code="bad_value")
    return [_PLACEHOLDER.sub(lambda match: values[match[1]], part) for part in command]


async def run(argv: Sequence[str], *, env: Mapping[str, str], limit: timedelta) -> Completed:
    """Run a program to its end and return how it ended, whatever its exit code.

    env: added to the bot's own environment, without the bot's secrets.
    A program that leaves a service running in the background has to redirect that service's
    output: the pipes are closed a second after the program itself has ended.

    Raises TemporaryError(unknown=True) when it did not end in time, PermanentError when it can't
    be started at all.
    """
    transport, child = await _spawn(argv, env)
    try:
        await _wait(child, limit)
    except TimeoutError as error:
        span = f"{limit.total_seconds():g} s"
        message = f"{argv[0]} did not end within {span}{child.tail()}"
        raise TemporaryError(message, unknown=True) from error
    finally:
        await _end(transport, child)
    code = transport.get_returncode()
    assert code is not None
    return Completed(code, child.out.text(), child.tail())


async def _spawn(
    argv: Sequence[str], env: Mapping[str, str]
) -> tuple[asyncio.SubprocessTransport, "_Child"]:
    """Start a program. Raises PermanentError when it can't be started."""
    loop = asyncio.get_running_loop()
    starting = asyncio.ensure_future(
        loop.subprocess_exec(
            _Child,
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            env=_inherited() | dict(env),
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except OSError as error:
        raise PermanentError(f"{argv[0]} can't be started: {error.strerror}") from error
    except asyncio.CancelledError:
        # Left to itself, asyncio would kill the leader only and wait for its heirs to let go.
        await asyncio.wait([starting])
        if starting.exception() is None:
            await _end(*starting.result())
        raise


async def _end(transport: asyncio.SubprocessTransport, child: "_Child") -> None:
    """Kill what still runs, wait until it is gone, and close the pipes."""
    if not child.exited.done():
        _kill_group(transport.get_pid())
        await asyncio.wait([child.exited], timeout=_LINGER)
    transport.close()


async def _wait(child: "_Child", limit: timedelta) -> None:
    """Until the program has ended, then a moment for the rest of its output."""
    async with asyncio.timeout(limit.total_seconds()):
        await asyncio.shield(child.exited)
    await asyncio.wait([child.closed], timeout=_LINGER)


def outcome(argv: Sequence[str], done: Completed) -> None:
    """Raise what an exit code means: nothing for 0, TemporaryError for 75, else PermanentError."""
    if done.code == 0:
        return
    how = f"was killed by signal {-done.code}" if done.code < 0 else f"ended with {done.code}"
    message = f"{argv[0]} {how}{done.tail}"
    if done.code == EX_TEMPFAIL:
        raise TemporaryError(message)
    raise PermanentError(message, code=f"exit_{done.code}")


async def resolve(options: CommandOptions | None, target: Target, version: str) -> Release:
    """The release whose digest a command prints; without a command, one without a digest.

    Raises PermanentError(code="unknown_version") when the command ends with 66, and
    PermanentError(code="bad_digest") when it prints anything but one word.
    """
    if options is None:
        return Release(version)
    argv = fill(options.command, target_values(target) | {"version": version})
    done = await run(argv, env={}, limit=options.limit())
    if done.code == EX_NOINPUT:
        raise PermanentError(f"there is no version {version}", code="unknown_version")
    outcome(argv, done)
    digest = done.stdout.strip()
    if not _DIGEST.fullmatch(digest):
        message = f"{argv[0]} printed {digest[:200]!r} instead of a digest"
        raise PermanentError(message, code="bad_digest")
    return Release(version, digest)


def target_values(target: Target) -> dict[str, str]:
    """The placeholders that name a target."""
    return {"service": target.service, "environment": target.environment}


class _Child(asyncio.SubprocessProtocol):
    """Collects what a program says; a protocol and not streams, because a pipe that a background
    heir keeps open can then be closed from this side."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.out, self.err = _Sink(_STDOUT_LIMIT), _Sink(KEEP)
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        (self.out if fd == 1 else self.err).feed(data)

    def process_exited(self) -> None:
        self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.closed.set_result(None)

    def tail(self) -> str:
        """ ": " and the last 4 kB of what was said; "" when nothing was."""
        both = (self.out.text().strip(), self.err.text().strip())
        said = "\n".join(part for part in both if part)
        return f": {said[-KEEP:]}" if said else ""


class _Sink:
    """The last `limit` bytes of a stream."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        self._data += data
        del self._data[: -self._limit]

    def text(self) -> str:
        return self._data.decode("utf-8", "replace")


def _kill_group(pid: int) -> None:
    """The child leads its own group (start_new_session), so its pid names the group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _inherited() -> dict[str, str]:
    """The environment without what only the bot may know."""
    hidden = ("SLACK_", "COUNTERSIGN_")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
