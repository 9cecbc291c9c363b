"""Looking before anything moves: can it be done, may it still be done, is it our turn."""

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

import msgspec

from bot.domain.audience import ABILITIES, unmet
from bot.domain.checklists import STAGING_LIVE, Item, all_items, checklists_of, item_named
from bot.domain.events import (
    CheckFailed,
    ExecutionChecked,
    ItemTicked,
    PreflightFailed,
    PreflightPassed,
    RunCheck,
)
from bot.domain.holds import Outlook, in_words
from bot.domain.people import THE_BOT
from bot.domain.plan import Plan
from bot.domain.reports import STANDING
from bot.domain.rollout import Rollout
from bot.domain.units import parse_duration
from bot.domain.versions import parse_version
from bot.engine.catalogue import Catalogue, ServiceTarget
from bot.engine.changes import Changes, place_of, seen_in
from bot.engine.directory import Directory, Refusal
from bot.engine.holds import Holds, quarantine_of
from bot.engine.promotion import Answer, Promotion, named
from bot.engine.source_code import SourceCode
from bot.ports import Capabilities, Observation, PermanentError, TemporaryError
from bot.store.database import Store
from bot.store.queries import reports

TARGET_HEALTHY = "target_healthy"
VERSION_NEWER = "version_newer"
BUILT_IN = frozenset({STAGING_LIVE, TARGET_HEALTHY, VERSION_NEWER})
"""Checks of a checklist that need no command."""

CHECK_TIMEOUT = 120.0
"""For how many seconds the command of a check may run."""

_EVIDENCE = 300


class UnansweredError(Exception):
    """Something that has to be known for certain can't be found out now."""


class Checks:
    """Performs RunPreflight, CheckExecution and RunCheck."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        directory: Directory,
        changes: Changes,
        holds: Holds,
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._directory = directory
        self._changes = changes
        self._holds = holds
        self._new_id = new_id
        self._promotion = Promotion(store, catalogue)
        self._code = SourceCode(store, catalogue.code)

    # --- before anybody is asked to sign ----------------------------------------------------

    async def preflight(self, rollout: Rollout) -> Sequence[Any]:
        """Raises TemporaryError, PermanentError."""
        place = place_of(self._catalogue, rollout)
        lacking = missing_abilities(rollout.the_plan, place.deployer.capabilities())
        unread = [name for name in rollout.the_plan.metrics if place.source(name) is None]
        if lacking:
            return (PreflightFailed(f"the deployer can't do {', '.join(lacking)}"),)
        if unread:
            return (PreflightFailed(f"nothing is configured to read {', '.join(unread)}"),)
        release = await place.deployer.resolve(place.target, rollout.version)
        if not release.artifact and not place.allow_by_name:
            reason = f"{rollout.version} can't be resolved to a digest, and names alone don't do"
            return (PreflightFailed(reason),)
        expected = "" if rollout.looked else rollout.artifact
        if expected and expected != release.artifact:
            return (PreflightFailed(f"{rollout.version} is now {release.artifact}"),)
        held = await self._store.transact(
            lambda conn: quarantine_of(conn, rollout, release.artifact)
        )
        if held:
            return (PreflightFailed(held),)
        found = await self._changes.observe(place)
        unhealthy = _unhealthy(found, place)
        if unhealthy:
            return (PreflightFailed(unhealthy),)
        steers = steering(place.deployer.capabilities())  # known for sure once it was looked at
        if lacking := unmet(rollout.the_plan, steers):
            reason = f"the plan needs {' and '.join(lacking)}, which the deployer can't do"
            return (PreflightFailed(reason),)
        if refusal := await self._code.refusal(rollout):
            return (PreflightFailed(refusal),)
        ahead = await self._outlook(rollout, release.artifact)
        passed = PreflightPassed(
            release.artifact,
            seen_in(found),
            self._new_id(),
            self._runnable(rollout, place),
            holds=ahead.holds,
            opens_at=ahead.opens_at,
            steers=steers,
        )
        return (passed,)

    def _runnable(self, rollout: Rollout, place: ServiceTarget) -> tuple[str, ...]:
        """The checks of the plan's checklists that somebody has written a command for."""
        known = {*place.checks, TARGET_HEALTHY, VERSION_NEWER}
        known |= {STAGING_LIVE} if self._promotion.configured(rollout) else set()
        items = all_items(checklists_of(rollout.the_plan, rollout.environment))
        return tuple(dict.fromkeys(item.check for item in items if item.check in known))

    async def _outlook(self, rollout: Rollout, artifact: str) -> Outlook:
        return await self._store.transact(lambda conn: self._holds.of(conn, rollout, artifact))

    # --- right before traffic moves ---------------------------------------------------------

    async def execution(self, rollout: Rollout) -> Sequence[Any]:
        """Look everything up once more. What can't be known now is a CheckFailed, asked again."""
        try:
            return (await self._execution(rollout),)
        except (TemporaryError, PermanentError, UnansweredError) as error:
            return (CheckFailed(str(error)),)

    async def _execution(self, rollout: Rollout) -> ExecutionChecked:
        place = place_of(self._catalogue, rollout)
        roles = await self._roles(rollout)
        release = await place.deployer.resolve(place.target, rollout.version)
        found = await self._changes.observe(place)
        ahead = await self._outlook(rollout, release.artifact)
        place_names = (rollout.service, rollout.environment)
        if ahead.free:
            await self._code.back_up(rollout)
        held = await self._store.transact(lambda conn: reports.standing(conn, *place_names))
        return ExecutionChecked(
            roles=roles,
            artifact=release.artifact,
            seen=seen_in(found),
            free=ahead.free,
            blocker=in_words(ahead.holds),
            reports=tuple(report for report in held if report.source in STANDING),
            holds=ahead.holds,
            opens_at=ahead.opens_at,
        )

    async def _roles(self, rollout: Rollout) -> dict[str, tuple[str, ...]]:
        held: dict[str, tuple[str, ...]] = {}
        for signature in rollout.request.signatures if rollout.request else ():
            found = await self._directory.for_signing(signature.user_id, fresh=True)
            if isinstance(found, Refusal):
                if found.temporary:
                    raise UnansweredError(
                        f"whether @[{signature.person}] may still sign is unknown"
                    )
                continue
            if found.person == signature.person:
                held[signature.person] = found.roles
        return held

    # --- gates that are commands ------------------------------------------------------------

    async def run(self, rollout: Rollout, effect: RunCheck) -> Sequence[Any]:
        """Run the command of a check: its exit status is the answer, its last words are proof."""
        place = place_of(self._catalogue, rollout)
        item = item_named(checklists_of(rollout.the_plan, rollout.environment), effect.gate)
        if item is not None and effect.check in BUILT_IN:
            ok, words = await self._built_in(rollout, item, place)
            return _answer(rollout, effect, ok, words)
        found = await run_check(place, rollout, effect.check, rollout.the_plan)
        return _answer(rollout, effect, *found) if found is not None else ()

    async def _built_in(self, rollout: Rollout, item: Item, place: ServiceTarget) -> Answer:
        if item.check == STAGING_LIVE:
            live_for = parse_duration(item.live_for) if item.live_for else timedelta()
            return await self._promotion.look(rollout, live_for, self._changes.now())
        found = await self._changes.observe(place)
        unhealthy = _unhealthy(found, place)
        current = named(found.current.release)
        if item.check == VERSION_NEWER:
            return _newer(rollout.version, found.current.release.version)
        return Answer(not unhealthy, unhealthy or f"{current} is up and healthy")


class Released(Protocol):
    """What the command of a check is told about."""

    @property
    def service(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def artifact(self) -> str: ...


async def run_check(
    place: ServiceTarget, of: Released, check: str, plan: Plan | None = None
) -> tuple[bool, str] | None:
    """Run the command of a check: its exit status is the answer, its last words are proof.

    None: nobody wrote a command for it, and a person answers on the card.
    """
    argv = place.checks.get(check)
    if argv is None:
        return None
    names = {
        "{service}": of.service,
        "{environment}": of.environment,
        "{version}": of.version,
        "{artifact}": of.artifact,
    }
    if plan is not None:
        names["{load_test}"] = msgspec.json.encode(plan.sections.load_test).decode()
    status, words = await run_command([_filled(part, names) for part in argv])
    return status == 0, words or f"exit status {status}"


def missing_abilities(plan: Plan, can: Capabilities) -> list[str]:
    """What a plan needs and a backend lacks."""
    needs = {
        "partial traffic": any(0 < wave.traffic < 100 for wave in plan.waves) and not can.weights,
        "installing a version": not can.prepare,
        "making a version the current one": not can.promote,
    }
    return [what for what, lacking in needs.items() if lacking]


def steering(can: Capabilities) -> tuple[str, ...]:
    """What a backend can do of `ABILITIES`."""
    return tuple(name for name in ABILITIES if getattr(can, name))


def _unhealthy(found: Observation, place: ServiceTarget) -> str:
    where = f"{place.service} {place.environment}"
    if not found.uniform:
        return f"the processes of {where} disagree ({found.detail})"
    if not found.current.ready:
        return f"{found.current.release.version} on {where} is not healthy {found.current.detail}"
    return ""


def _newer(version: str, current: str) -> Answer:
    """Whether a version comes after the one that runs."""
    try:
        ok = parse_version(version).precedence > parse_version(current).precedence
    except ValueError as error:
        return Answer(False, f"{version} and {current} can't be compared: {error}")
    return Answer(ok, f"{version} comes {'after' if ok else 'before, or is,'} {current}")


def _answer(rollout: Rollout, effect: RunCheck, ok: bool, evidence: str) -> Sequence[Any]:
    """rollout: as it was when the check began; it may have come to another artifact since."""
    return (ItemTicked(THE_BOT, effect.gate, ok, evidence, rollout.generation),)


def _filled(part: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        part = part.replace(name, value)
    return part


async def run_command(argv: Sequence[str], limit: float = CHECK_TIMEOUT) -> tuple[int, str]:
    """Run a program without a shell; exit status and the end of what it said.

    Raises PermanentError when there is no such program.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            start_new_session=True,
        )
    except OSError as error:
        raise PermanentError(f"{argv[0]} can't be run: {error}") from error
    try:
        async with asyncio.timeout(limit):
            output, _ = await process.communicate()
    except TimeoutError:
        return 1, f"no answer within {limit:g} s"
    finally:
        await _end(process)
    return process.returncode or 0, output.decode(errors="replace").strip()[-_EVIDENCE:]


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave nothing behind, not even the children of a command that was cut off."""
    if process.returncode is None:
        os.killpg(process.pid, 9)
        await process.wait()
