"""A deployer made of commands: for teams whose releases are scripts.

One argv list per operation, no shell. The placeholders {service} {environment} {version}
{artifact} {weight} {instances} {audience} {flag} {sticky} {key} {seq} are replaced; the key and the
sequence number are also in the environment as COUNTERSIGN_KEY and COUNTERSIGN_SEQ. A script that is
called twice with one key must do nothing the second time.

Exit codes: 0 done; 75 try again later; 66 from `resolve`, no such version; 77 a newer sequence
number has been seen; everything else needs a person. `observe` prints JSON on stdout:

    {"seq": 4, "current": {"version": "v1.1.0", "artifact": "", "weight": 95, "ready": true},
     "candidate": {"version": "v1.2.0", "artifact": "", "weight": 5, "ready": true}}

and may add "uniform", "detail", "instances"; where `shift` takes {audience}, the candidate says its
"audience" too ("" for everybody). `resolve` prints the digest of the artifact.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import msgspec

from bot.deployers import confirm
from bot.deployers.process import (
    CommandOptions,
    Completed,
    check_placeholders,
    fill,
    outcome,
    resolve,
    run,
    target_values,
)
from bot.deployers.wire import decode_target
from bot.domain.plan_terms import Closed
from bot.ports import (
    Capabilities,
    Deployer,
    Observation,
    Op,
    PermanentError,
    Release,
    StaleOpError,
    Target,
)

EX_STALE = 77
"""EX_NOPERM of sysexits.h: the target has seen a newer change."""

_TARGET = ("service", "environment")
_VERSION = (*_TARGET, "version")
_ROUTING = ("audience", "flag", "sticky")
_CHANGE = (*_VERSION, "artifact", "weight", "instances", *_ROUTING, "key", "seq")
_LIMITS = {"prepare": timedelta(minutes=10)}


class CommandDeployerOptions(Closed, frozen=True, kw_only=True, tag_field="kind", tag="command"):
    """Options of `kind: command`; what is left out is an operation the backend can't do.

    resolve: prints the artifact's digest; without it releases have no digest.
    """

    observe: CommandOptions
    prepare: CommandOptions
    rollback: CommandOptions
    shift: CommandOptions | None = None
    promote: CommandOptions | None = None
    retire: CommandOptions | None = None
    resolve: CommandOptions | None = None


class CommandDeployer:
    """Implements `Deployer` by running the configured commands."""

    def __init__(self, options: CommandDeployerOptions) -> None:
        """Raises ValueError for an empty command or a placeholder nobody fills."""
        self._options = options
        for name in ("prepare", "rollback", "shift", "promote", "retire"):
            _check(getattr(options, name), _CHANGE, name)
        _check(options.observe, _TARGET, "observe")
        _check(options.resolve, _VERSION, "resolve")

    def capabilities(self) -> Capabilities:
        options = self._options
        return Capabilities(
            weights=options.shift is not None,
            promote=options.promote is not None,
            retire=options.retire is not None,
            instances=_mentions(options.shift, "{instances}"),
            resolves_digests=options.resolve is not None,
            **{name: _mentions(options.shift, f"{{{name}}}") for name in _ROUTING},
        )

    async def resolve(self, target: Target, version: str) -> Release:
        return await resolve(self._options.resolve, target, version)

    async def observe(self, target: Target) -> Observation:
        options = self._options.observe
        argv = fill(options.command, target_values(target))
        done = await run(argv, env={}, limit=options.limit())
        outcome(argv, done)
        return decode_target(done.stdout, argv[0]).observation()

    async def prepare(self, target: Target, release: Release, op: Op) -> Observation:
        seen = await self._change("prepare", target, release, op)
        confirm.require(confirm.is_prepared(seen, release))
        return seen

    async def shift(
        self, target: Target, release: Release, weight: float, op: Op, instances: int | None = None
    ) -> Observation:
        seen = await self._change("shift", target, release, op, weight, instances)
        confirm.require(confirm.is_shifted(seen, release, weight, op.routing.audience))
        return seen

    async def promote(self, target: Target, release: Release, op: Op) -> Observation:
        seen = await self._change("promote", target, release, op)
        confirm.require(confirm.is_current(seen, release))
        return seen

    async def retire(self, target: Target, release: Release, op: Op) -> Observation:
        seen = await self._change("retire", target, release, op)
        confirm.require(confirm.is_retired(seen, release))
        return seen

    async def rollback(self, target: Target, release: Release, op: Op) -> Observation:
        seen = await self._change("rollback", target, release, op)
        confirm.require(confirm.is_current(seen, release))
        return seen

    async def _change(
        self,
        operation: str,
        target: Target,
        release: Release,
        op: Op,
        weight: float = 0,
        instances: int | None = None,
    ) -> Observation:
        options: CommandOptions | None = getattr(self._options, operation)
        if options is None:
            raise PermanentError(f"no command for {operation} is configured", code="unsupported")
        values = target_values(target) | {
            "version": release.version,
            "artifact": release.artifact,
            "weight": f"{weight:g}",
            "instances": "" if instances is None else str(instances),
            **msgspec.structs.asdict(op.routing),
            "key": op.key,
            "seq": str(op.seq),
        }
        argv = fill(options.command, values)
        env = {"COUNTERSIGN_KEY": op.key, "COUNTERSIGN_SEQ": str(op.seq)}
        limit = options.limit(_LIMITS.get(operation, timedelta(minutes=1)))
        _judge(argv, await run(argv, env=env, limit=limit), op)
        seen = await self.observe(target)
        if seen.seq > op.seq:
            raise StaleOpError(f"change {op.seq} is older than {seen.seq}", code="stale_seq")
        return seen


def build(
    options: CommandDeployerOptions,
    *,
    http: httpx.AsyncClient,  # noqa: ARG001  # one signature for all backends
    secret: str,  # noqa: ARG001
    now: Callable[[], datetime],  # noqa: ARG001
) -> Deployer:
    """The backend for `kind: command`. Raises ValueError when the options contradict themselves."""
    return CommandDeployer(options)


def _judge(argv: list[str], done: Completed, op: Op) -> None:
    if done.code == EX_STALE:
        raise StaleOpError(f"change {op.seq} is refused as stale{done.tail}", code="stale_seq")
    outcome(argv, done)


def _check(options: CommandOptions | None, known: tuple[str, ...], name: str) -> None:
    if options is not None:
        check_placeholders(options.command, known, name)


def _mentions(options: CommandOptions | None, placeholder: str) -> bool:
    return options is not None and any(placeholder in part for part in options.command)
