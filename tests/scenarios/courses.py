"""A whole release by a built-in plan, from the request to its end, in virtual time.

Everything that a rollout asks for is done at once and goes well: the deployer obeys, checks pass,
people of the right roles tick, sign, answer and decide. The bot looks as often as something is due.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from bot.domain import checklists
from bot.domain.checklist_rules import value_problem
from bot.domain.decisions import begin, decide
from bot.domain.events import (
    AdvanceRequested,
    CheckExecution,
    Effect,
    ExecutionChecked,
    ItemTicked,
    Measured,
    OptionChosen,
    PostThread,
    PreflightPassed,
    Prepare,
    Prepared,
    Promote,
    Promoted,
    ResumeRequested,
    Retire,
    Retired,
    RolloutEvent,
    RunCheck,
    RunPreflight,
    Seen,
    SetTraffic,
    Signed,
    WaveApplied,
)
from bot.domain.people import THE_BOT, Actor
from bot.domain.rollout import MEASURING, Phase
from bot.domain.samples import Measurement, Sample, Track
from bot.plans import library
from tests.domain import builders as b
from tests.requirements.acting import Side, served

LIBRARY = library()
LIVE = Seen("v1.2.0", "v1.1.0", 0.0)
NUMBERS = ("0", "1ms", "100%", "3", "100", "48h")


def somebody(role: str) -> Actor:
    """A person who holds that role."""
    return Actor(f"p-{role}", "U0SOME", (role,))


class Course:
    """See the module. start: when it is asked for; what comes before traffic takes no time."""

    def __init__(
        self,
        plan: str,
        good: Mapping[str, Side],
        start: datetime = b.NOW,
        *,
        every_update: bool = False,
    ) -> None:
        """every_update: look whenever an update is due, not only eight times in each wave."""
        self.every_update = every_update
        self.plan = LIBRARY.get(plan)
        self.good = good
        self.now = start
        self.effects: list[tuple[datetime, Effect]] = []
        self.rollout, effects = begin(
            rollout_id="r1",
            service="checkout",
            environment="production",
            version="v1.2.0",
            plan=self.plan,
            channel="C0CHECKOUT",
            requested_by=b.MARY,
            now=start,
        )
        self._do(effects)

    # --- the world --------------------------------------------------------------------------

    def happens(self, event: RolloutEvent) -> None:
        """Something happens, and what is asked for is done."""
        after, effects = decide(self.rollout, event, self.now)
        self.rollout = msgspec.structs.replace(after, revision=self.rollout.revision + 1)
        self._do(effects)

    def _do(self, effects: tuple[Effect, ...]) -> None:
        self.effects += [(self.now, effect) for effect in effects]
        for effect in effects:
            answer = self._answer(effect)
            if answer is not None:
                self.happens(answer)

    def _answer(self, effect: Effect) -> RolloutEvent | None:
        rollout, key = self.rollout, self.rollout.op_key
        match effect:
            case RunPreflight():
                return PreflightPassed(b.ARTIFACT, b.OLD, "q1")
            case CheckExecution():
                signed = rollout.request.signatures if rollout.request else ()
                roles: dict[str, tuple[str, ...]] = {
                    each.person: (each.person.removeprefix("p-"),) for each in signed
                }
                return ExecutionChecked(roles, b.ARTIFACT, b.OLD, free=True)
            case Prepare():
                return Prepared(key, b.seen(0))
            case SetTraffic():
                return WaveApplied(key, b.seen(effect.weight))
            case Promote():
                return Promoted(key, LIVE)
            case Retire():
                return Retired(key)
            case RunCheck():
                return ItemTicked(THE_BOT, effect.gate, ok=True, evidence="0")
            case _:
                return None

    # --- people -----------------------------------------------------------------------------

    def tick_all(self) -> int:
        """The checklists are gone through from top to bottom; how many items people ticked."""
        ticked = 0
        while self.rollout.phase is Phase.PREFLIGHT:
            before = len(self.rollout.items)
            for item in checklists.all_items(checklists.of(self.rollout)):
                if item.key not in self.rollout.items and not item.follows:
                    role = item.by[0] if item.by else "release_manager"
                    said = "as agreed" if not item.value else _number(item.value)
                    self.happens(ItemTicked(somebody(role), item.key, ok=True, evidence=said))
            assert len(self.rollout.items) > before, checklists.open_required(self.rollout)
            ticked += len(self.rollout.items) - before
        return ticked

    def sign(self, *roles: str) -> None:
        """One person of each role signs."""
        for role in roles:
            assert self.rollout.request is not None
            digest = self.rollout.request.digest
            self.happens(Signed(somebody(role), digest, "I have looked at it"))

    def _answer_questions(self) -> None:
        for gate in self.rollout.current_wave.gates:
            done = {tick.gate for tick in self.rollout.ticks}
            if gate.kind == "attest" and gate.id not in done:
                role = gate.by[0] if gate.by else "release_manager"
                self.happens(ItemTicked(somebody(role), gate.id, ok=True))

    # --- time -------------------------------------------------------------------------------

    def look(self, after: timedelta) -> None:
        """Time passes, and the bot looks: all is well."""
        self.now += after
        live = self.rollout.phase is Phase.WATCHING
        seen = LIVE if live else b.seen(self.rollout.weight)
        found: list[Measurement] = []
        for name, given in self.good.items():
            per_weight = self.plan.metrics[name].per_weight
            side = served(given, self.rollout.weight) if per_weight else given
            found.append(Measurement(name, Track.CANARY, Sample(side.canary, self.now)))
            if side.baseline is not None and self.rollout.weight < 100:
                found.append(Measurement(name, Track.BASELINE, Sample(side.baseline, self.now)))
        self.happens(Measured(tuple(found), after, seen))

    def run(self) -> None:
        """From the signatures to the end."""
        while self.rollout.phase in MEASURING:
            self.step()
            assert self.rollout.phase is not Phase.PAUSED, self.rollout.reason

    def step(self) -> None:
        """One look, with the answers and the decision that it waits for."""
        if self.rollout.phase in {Phase.SOAKING, Phase.JUDGING}:
            self._answer_questions()
        self.look(self._pace())
        if "press Advance" in self.rollout.reason:
            decider = self.plan.advance_approval
            role = decider.roles[0] if decider is not None else "release_manager"
            self.happens(AdvanceRequested(somebody(role), "all is well"))

    def is_in(self, phase: Phase) -> bool:
        return self.rollout.phase is phase

    def resume(self) -> None:
        """Somebody goes on after a pause."""
        self.happens(ResumeRequested(somebody("release_manager")))

    def choose(self, option: str) -> None:
        """Somebody decides how to go on."""
        chosen = OptionChosen(somebody("release_manager"), option, "as it was found", "q9")
        self.happens(chosen)

    def _pace(self) -> timedelta:
        """Until something is due: the next status, the next step, the end of the soak, the day."""
        rollout = self.rollout
        if rollout.next_check_at is not None and rollout.next_check_at <= self.now:
            return timedelta()  # somebody has answered
        wave, began = rollout.current_wave, rollout.wave_applied_at or self.now
        ends = [began + rollout.soak_needed - self.now, timedelta(minutes=30), wave.lasts / 8]
        if wave.ramp is not None:
            ends.append(wave.ramp.each)
        since = self.now - began
        for cadence in wave.cadence if self.every_update else ():
            if cadence.until is None or since < cadence.until:
                ends.append(cadence.every - since % cadence.every)
                break
        if rollout.wave_opens_at is not None:
            ends.append(rollout.wave_opens_at - self.now)
        return min(end for end in ends if end > timedelta())

    # --- what was seen ----------------------------------------------------------------------

    @property
    def waves(self) -> list[tuple[float, timedelta, timedelta]]:
        """Of each wave: percent, when it began after the first, how long it lasted."""
        marks = self.rollout.marks[: len(self.plan.waves)]
        first = marks[0].applied_at
        return [
            (mark.weight, mark.applied_at - first, (mark.left_at or self.now) - mark.applied_at)
            for mark in marks
        ]

    def posts(self, start: str) -> list[datetime]:
        """When something that begins like this was said."""
        texts = [(at, e.text) for at, e in self.effects if isinstance(e, PostThread)]
        return [at for at, text in texts if text.startswith(start)]

    def statuses(self, wave: int) -> int:
        """How many updates were posted during a wave."""
        mark = self.rollout.marks[wave]
        end = mark.left_at or self.now
        return sum(mark.applied_at < at <= end for at in self.posts("Status at"))

    @property
    def asked(self) -> list[tuple[float, int | None]]:
        """What was asked of the deployer: percent, and how many instances."""
        return [(e.weight, e.instances) for _, e in self.effects if isinstance(e, SetTraffic)]


def _number(wanted: str) -> str:
    return next(text for text in NUMBERS if value_problem(wanted, text) is None)


def released(
    plan: str, good: Mapping[str, Side], *signers: str, every_update: bool = False
) -> Course:
    """A release that went all the way."""
    course = Course(plan, good, every_update=every_update)
    course.tick_all()
    course.sign(*signers)
    course.run()
    return course
