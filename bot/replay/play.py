"""Plays a plan over recorded data, and writes down what it decided and when.

The decisions are those of a live release, made by the same functions: `begin`, `decide`, and a
look at the metrics by `RolloutLook`. What is made up is only the world around them: the target
obeys at once, everybody who is asked says yes at once, and the clock jumps to the next instant at
which something can be different.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from bot.domain.approvals import ANY
from bot.domain.bygone import ReadPast
from bot.domain.conditions import Condition
from bot.domain.decisions import begin, decide
from bot.domain.events import (
    AdvanceRequested,
    AskSigners,
    CheckExecution,
    ExecutionChecked,
    ItemTicked,
    Page,
    PostThread,
    PreflightPassed,
    Prepare,
    Prepared,
    Promote,
    Promoted,
    Retire,
    Retired,
    RunCheck,
    RunPreflight,
    SetTraffic,
    Signed,
    SwitchBack,
    SwitchedBack,
    WaveApplied,
)
from bot.domain.gates import Finding, Verdict
from bot.domain.people import THE_BOT, Actor
from bot.domain.plan import Plan
from bot.domain.recording import Recording
from bot.domain.requests import open_items
from bot.domain.rollout import BEFORE_TRAFFIC, Phase, Rollout
from bot.engine.bygone import PastReader
from bot.engine.catalogue import Catalogue, ServiceTarget
from bot.engine.changes import seen_in
from bot.engine.looking import LONGEST_GAP, RolloutLook
from bot.ports import Op, Release
from bot.replay.played import holding, paced, prepared
from bot.replay.report import Band, Fired, Replay, Said
from bot.replay.stage import Hands, Recorded, Stage

REQUESTER = Actor("requester", "UREQUESTER", ("requester",))
ROLLOUT = "replay"

WATCH = "watch"
"""What the time after promotion is called, as waves are."""

SPINS = 100
"""So many looks at one instant mean that time no longer goes on."""


class StuckError(Exception):
    """The plan waits for something that a replay can't give; the text says for what."""


class Names(msgspec.Struct, frozen=True):
    """What the sides of the release are called in what is said."""

    service: str = "service"
    environment: str = "production"
    candidate: str = "canary"
    current: str = "baseline"


async def play(
    plan: Plan, recording: Recording, start: datetime, end: datetime, names: Names | None = None
) -> Replay:
    """What `plan` would have decided over the data from `start` to `end` (aware).

    Raises StuckError when the plan never gets as far as moving traffic.
    """
    player = _Player(plan, recording, start, names or Names())
    await player.run(end)
    return player.replay(end)


class _Player:
    """One release, from its request to its end or the end of the data."""

    def __init__(self, plan: Plan, recording: Recording, start: datetime, names: Names) -> None:
        self._recording = recording
        self._start = start
        self._step = recording.step
        self._clock = Hands(start)
        self._follows = plan.poll <= self._step
        self._plan = prepared(paced(plan, self._step) if self._follows else plan)
        self._times = _times(recording)
        self._stage = Stage(Release(names.current, f"recorded:{names.current}"))
        target = ServiceTarget(
            service=names.service,
            environment=names.environment,
            deployer=self._stage,
            sources={"*": Recorded(recording)},
        )
        self._target = target.target
        catalogue = Catalogue(targets={(names.service, names.environment): target})
        self._past = PastReader(catalogue)
        gap = max(LONGEST_GAP, self._plan.poll * 2)
        self._look = RolloutLook(catalogue, self._clock, gap)
        self._rollout, effects = begin(
            rollout_id=ROLLOUT,
            service=names.service,
            environment=names.environment,
            version=names.candidate,
            plan=self._plan,
            channel="",
            requested_by=REQUESTER,
            now=start,
        )
        self._effects: deque[Any] = deque(effects)
        self._bands: list[Band] = []
        self._fired: list[Fired] = []
        self._said: list[Said] = []
        self._looks = 0

    async def run(self, end: datetime) -> None:
        """Raises StuckError."""
        await self._settle()
        spins = 0
        while (at := self._next()) is not None and at <= end:
            spins = spins + 1 if at == self._clock.now() else 0
            if spins > SPINS:
                raise StuckError(f"time stands still at {at:%Y-%m-%d %H:%M:%S %Z}")
            self._clock.move(at)
            await self._tick()
        if self._rollout.phase in BEFORE_TRAFFIC:
            phase = self._rollout.phase.replace("_", " ")
            why = self._rollout.reason or "nothing that a replay knows of"
            raise StuckError(f"no traffic is moved: it stays in {phase}, waiting for {why}")
        self._clock.move(end)

    def _next(self) -> datetime | None:
        """When there can be something new: a point of the data, or what the rollout waits for."""
        rollout, now = self._rollout, self._clock.now()
        if rollout.ended or rollout.phase is Phase.HALTED or rollout.next_check_at is None:
            return None
        due = max(rollout.next_check_at, now)
        point = next(self._after(now), None) if self._follows else None
        return due if point is None else min(due, point)

    def _after(self, now: datetime) -> Iterator[datetime]:
        while self._times and self._times[0] <= now:
            self._times.popleft()
        return iter(self._times)

    async def _tick(self) -> None:
        event = await self._look.look(self._rollout)
        self._looks += 1
        self._apply(event)
        self._look.looked(self._rollout)
        await self._settle()
        for answer in list(self._answers()):
            self._apply(answer)
            await self._settle()

    # --- one transition -----------------------------------------------------------------

    def _apply(self, event: Any) -> None:
        before, now = self._rollout, self._clock.now()
        decided, effects = decide(before, event, now)
        after = msgspec.structs.replace(decided, revision=before.revision + 1)
        self._rollout = after
        self._effects.extend(effects)
        self._note_fired(before, after, now)
        if before.marks and (len(after.marks) > len(before.marks) or _left(before, after)):
            self._close_band(before, after, event, now)
        if len(after.marks) > len(before.marks):
            self._open_band(after)

    async def _settle(self) -> None:
        """Do what was asked for, until nothing is left to do."""
        while self._effects:
            effect = self._effects.popleft()
            self._hear(effect)
            for event in await self._perform(effect):
                self._apply(event)

    async def _perform(self, effect: Any) -> Sequence[Any]:
        key = self._rollout.op_key
        op = Op(key, 1)
        match effect:
            case RunPreflight():
                return [PreflightPassed(self._artifact, await self._seen(), "signatures")]
            case AskSigners(purpose="release"):
                return list(self._signatures())
            case CheckExecution():
                return [await self._checked()]
            case RunCheck():
                return [ItemTicked(THE_BOT, effect.gate, True, "taken as passed")]
            case Prepare():
                found = await self._stage.prepare(self._target, _release(effect), op)
                return [Prepared(key, seen_in(found))]
            case SetTraffic():
                release = _release(effect)
                found = await self._stage.shift(self._target, release, effect.weight, op)
                return [WaveApplied(key, seen_in(found))]
            case Promote():
                found = await self._stage.promote(self._target, _release(effect), op)
                return [Promoted(key, seen_in(found))]
            case Retire():
                await self._stage.retire(self._target, _release(effect), op)
                return [Retired(key)]
            case ReadPast():
                return await self._past.read(self._rollout, effect)
            case SwitchBack():
                found = await self._stage.rollback(self._target, _release(effect), op)
                return [SwitchedBack(key, seen_in(found))]
            case _:
                return []

    @property
    def _artifact(self) -> str:
        return f"recorded:{self._rollout.version}"

    async def _seen(self) -> Any:
        return seen_in(await self._stage.observe(self._target))

    # --- people -------------------------------------------------------------------------

    def _signers(self) -> list[Actor]:
        """As many people as there are seats, each with the role of one."""
        request = self._rollout.request
        roles = [seat if seat != ANY else "signer" for seat in request.seats] if request else []
        return [Actor(f"signer-{n}", f"USIGNER{n}", (role,)) for n, role in enumerate(roles, 1)]

    def _signatures(self) -> Iterator[Signed]:
        request = self._rollout.request
        if request is not None:
            yield from (Signed(s, request.digest, "replayed") for s in self._signers())

    async def _checked(self) -> ExecutionChecked:
        roles = {signer.person: signer.roles for signer in self._signers()}
        return ExecutionChecked(roles, self._artifact, await self._seen(), free=True)

    def _answers(self) -> Iterator[Any]:
        """People say yes to what the plan asks them, not to what it leaves open."""
        rollout = self._rollout
        if rollout.phase is not Phase.JUDGING:
            return
        items = open_items(rollout)
        for item in items:
            if item.kind == "attest":
                actor = Actor("asked", "UASKED", item.by or ("signer",))
                yield ItemTicked(actor, item.id, True, "taken as yes")
        passed = all(f.verdict is Verdict.PASS for f in rollout.findings)
        if rollout.current_wave.asks and passed and not items:
            yield AdvanceRequested(Actor("asked", "UASKED", ("signer",)), "taken as yes")

    # --- what is written down -----------------------------------------------------------

    def _hear(self, effect: Any) -> None:
        match effect:
            case PostThread(text):
                self._said.append(Said(self._clock.now(), text))
            case Page(text):
                self._said.append(Said(self._clock.now(), text, paged=True))
            case _:
                pass

    def _note_fired(self, before: Rollout, after: Rollout, now: datetime) -> None:
        conditions = {c.id: c for c in _watched(after)}
        for name, watcher in after.watchers.items():
            old = before.watchers.get(name)
            if watcher.satisfied_at is None or (old and old.satisfied_at is not None):
                continue
            found = conditions.get(name)
            if found is not None:
                wave = after.current_wave.id
                self._fired.append(
                    Fired(now, found.id, found.text, str(found.do), watcher.shown, wave)
                )

    def _open_band(self, after: Rollout) -> None:
        mark = after.marks[-1]
        watching = after.phase is Phase.WATCHING
        wave = self._plan.waves[mark.wave]
        self._bands.append(
            Band(
                wave=WATCH if watching else wave.id,
                weight=mark.weight,
                began_at=mark.applied_at,
                soak=self._plan.keep_previous if watching else wave.soak,
            )
        )

    def _close_band(self, before: Rollout, after: Rollout, event: Any, now: datetime) -> None:
        if not self._bands or self._bands[-1].ended_at is not None:
            return
        watched = self._bands[-1].wave == WATCH
        findings = () if watched else self._findings(before, event, now)
        self._close(before, findings, now, after.phase)

    def _close(
        self, rollout: Rollout, findings: tuple[Finding, ...], at: datetime, phase: Phase
    ) -> None:
        watched = self._bands[-1].wave == WATCH
        self._bands[-1] = msgspec.structs.replace(
            self._bands[-1],
            ended_at=at,
            extended=timedelta() if watched else rollout.soak_extra,
            findings=() if watched else findings,
            led_to=phase.value,
        )

    def _findings(self, before: Rollout, event: Any, now: datetime) -> tuple[Finding, ...]:
        """What the gates said when the wave was left, which the rollout itself forgets then.

        The same event is decided once more for a plan that stops where this one goes on.
        """
        held = msgspec.structs.replace(before, plan=holding(self._plan))
        found, _ = decide(held, event, now)
        return found.findings or before.findings

    def replay(self, end: datetime) -> Replay:
        """All that was written down."""
        rollout = self._rollout
        if self._bands and self._bands[-1].ended_at is None:
            self._close(rollout, rollout.findings, rollout.ended_at or end, rollout.phase)
        return Replay(
            plan=self._plan.name,
            start=self._start,
            end=end,
            step=self._step,
            phase=rollout.phase.value,
            reason=rollout.reason,
            rollback_reason=rollout.rollback_reason,
            ended_at=rollout.ended_at,
            soak_left=rollout.soak_left if rollout.marks and not rollout.ended else timedelta(),
            bands=tuple(self._bands),
            fired=tuple(self._fired),
            said=tuple(self._said),
            looks=self._looks,
        )


def _times(recording: Recording) -> deque[datetime]:
    points: Iterable[datetime] = (p.at for s in recording.strands.values() for p in s.points)
    return deque(sorted(set(points)))


def _left(before: Rollout, after: Rollout) -> bool:
    """Whether the wave that was being soaked has been left."""
    return before.marks[-1].left_at is None and after.marks[-1].left_at is not None


def _release(effect: Prepare | SetTraffic | Promote | Retire | SwitchBack) -> Release:
    return Release(effect.version, effect.artifact)


def _watched(rollout: Rollout) -> tuple[Condition, ...]:
    plan, wave = rollout.the_plan, rollout.current_wave
    return (*plan.triggers_of(wave), *(c for level in plan.alerts.values() for c in level))
