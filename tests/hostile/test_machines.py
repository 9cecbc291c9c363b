"""Whatever people press, type and send, in whatever order: nothing ships on one person's word.

Hypothesis makes up afternoons: people with and without roles, guests, second accounts, old cards,
copies of requests, tags that move, roles that are lost, crashes, outages. What has to hold is
looked at after every step.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.domain.rollout import HOLDING, Phase, Rollout
from bot.slack.listeners import FAILED
from bot.store.queries import audit
from tests.hostile.words import commands, lines
from tests.scenarios.clock import PatientLoop
from tests.scenarios.reading import Shown
from tests.scenarios.world import World
from tests.store.databases import Databases

T = TypeVar("T")

TEAM = {"mary", "ada", "grace", "alan"}
PEOPLE = st.sampled_from(["mary", "ada", "ada2", "grace", "alan", "new", "gus", "eve", "dell"])
_BUTTONS = (
    *("approve", "approve", "approve", "reject", "withdraw", "pause", "resume", "advance"),
    *("step_back", "extend", "rollback", "break_glass", "cancel", "release_quarantine"),
)
BUTTONS = st.sampled_from(_BUTTONS)
FALLING = {Phase.ROLLING_BACK, Phase.ROLLED_BACK}


class Afternoon(RuleBasedStateMachine):
    """One world, from the first word to the last look. `files` is set by the test."""

    files: Databases

    def __init__(self) -> None:
        super().__init__()
        self.loop = PatientLoop()
        self.seen: list[Shown] = []
        self.stumbled = False
        self.down: dict[str, float] = {}
        self.world = self.do(self._opened())

    async def _opened(self) -> World:
        made = World(await self.files.migrated())
        await made.begin()
        return made

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Let it happen on the clock of this afternoon."""
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        """Everything heals, and the world is held to what always holds."""
        try:
            self.world.space.faults.clear()
            self.world.outage = ""
            self.look()
            self.do(self.world.bot.store.transact(audit.verify))
            self.do(self.world.advance(seconds=5))
            self.look()
            assert self.world.session.refused == []
        finally:
            self.do(self.world.end())
            asyncio.set_event_loop(None)
            self.loop.close()

    # --- what happens -----------------------------------------------------------------------

    @initialize(plan=st.sampled_from(["", "--plan guarded", "--plan careful"]))
    def somebody_asks(self, plan: str) -> None:
        """Most afternoons begin with a release."""
        self.do(self.world.say("mary", f"/release start v1.2.0 {plan}".strip()))
        self.do(self.world.advance(seconds=5))
        self.remember()

    @rule(person=PEOPLE, version=st.sampled_from(["v1.2.0", "v1.3.0", "v1.1.0"]))
    def start(self, person: str, version: str) -> None:
        self.do(self.world.say(person, f"/release start {version}"))

    @rule(person=PEOPLE, command=commands, line=lines)
    def type_anything(self, person: str, command: str, line: str) -> None:
        text = f"{command} {line}"
        self.do(self.world.act("say", person=person, channel="checkout", text=text))

    @precondition(lambda self: self.seen)
    @rule(person=PEOPLE, button=BUTTONS, old=st.integers(0, 3))
    def press(self, person: str, button: str, old: int) -> None:
        card = self.seen[-1 - min(old, len(self.seen) - 1)]
        if button in card.buttons:
            self.do(self.world.press(person, button, card.values(button)[0], card))
            self.do(self.world.breathe())

    @rule(person=PEOPLE, text=st.sampled_from(["", "the tills are down", "{{7*7}} <!channel>"]))
    def fill_in(self, person: str, text: str) -> None:
        if self.world.modal(person) is not None:
            self.do(self.world.submit(person, reason=text, comment=text))

    @rule(seconds=st.sampled_from([1, 5, 20]))
    def time_passes(self, seconds: int) -> None:
        self.world.step = timedelta(seconds=2)
        self.do(self.world.advance(seconds=seconds))

    @precondition(lambda self: self.world._delivered)
    @rule()
    def a_copy_arrives(self) -> None:
        status = self.do(self.world.redeliver())
        # 500: a press that was not kept, and Slack was away for telling so.
        assert status < 500 or (status == 500 and self.stumbled)

    @rule(other=st.booleans())
    def the_tag_moves(self, other: bool) -> None:
        if other:
            self.world.retag("v1.2.0", "sha256:" + "f" * 64)
        else:
            self.world._retagged.clear()

    @rule(members=st.sampled_from([["U0GRACE"], ["U0NEW"], []]))
    def operations_changes(self, members: list[str]) -> None:
        self.world.space.groups["S0OPS"] = members

    @rule(kind=st.sampled_from(["500", "429", "lost_reply"]))
    def slack_stumbles(self, kind: str) -> None:
        self.world.slack_fails("*", kind, times=2)
        self.stumbled = True

    @rule(event=st.sampled_from(["data_corruption", "memory_leak", "nonsense"]))
    def something_is_reported(self, event: str) -> None:
        place = {"service": "checkout", "environment": "production"}
        self.do(self.world.hook("/hooks/events", {"event": event, **place}))

    @rule(rate=st.sampled_from([0.0, 0.4]))
    def the_version_breaks(self, rate: float) -> None:
        self.world.break_version("v1.2.0", rate)

    @rule()
    def the_bot_dies(self) -> None:
        self.do(self.world.crash())

    # --- what always holds ------------------------------------------------------------------

    @invariant()
    def everybody_gets_short_answers_without_mentions(self) -> None:
        self.look()
        self.remember()

    @invariant()
    def signatures_are_of_several_people_who_may(self) -> None:
        for rollout in self.do(self.world.rollouts()):
            for request in filter(None, (rollout.request, rollout.rollback_request)):
                people = [each.person for each in request.signatures]
                assert len(people) == len(set(people))
                assert all(each.roles for each in request.signatures)
                assert not {"gus", "eve", "dell", "U0GUS", "U0EVE", "U0DEL"} & set(people)
            if rollout.request is not None:
                signed = {each.person for each in rollout.request.signatures}
                assert rollout.requested_by.person not in signed
                if rollout.phase in HOLDING:
                    assert len(signed) >= 2, (rollout.phase, signed)
                    assert rollout.request.complete

    @invariant()
    def traffic_never_rises_after_a_rollback_was_asked(self) -> None:
        for rollout in self.do(self.world.rollouts()):
            if rollout.phase in FALLING:
                before = self.down.get(rollout.id, 100.0)
                assert rollout.weight <= before
                self.down[rollout.id] = rollout.weight
            else:
                self.down.pop(rollout.id, None)

    @invariant()
    def traffic_is_on_nothing_that_nobody_signed(self) -> None:
        shop = self.world.shop
        if shop.candidate is None or not shop.weight:
            return
        version = shop.candidate.release.version
        found = [r for r in self.do(self.world.rollouts()) if _went(r, version)]
        assert found, f"{version} has {shop.weight} % and no release that began"

    def look(self) -> None:
        """What was said to anybody since the last look."""
        for person in list(self.world.space.people.values()):
            for text in self.world.whispers(person.id):
                assert len(text) <= 3000
                assert FAILED not in text or self.stumbled
                assert "<!channel" not in text
        for text in self.world.pages():
            assert len(text) <= 4000

    def remember(self) -> None:
        """The card as it is now, to be pressed later on."""
        if self.world.cards():
            card = self.world.card()
            if not self.seen or self.seen[-1] != card:
                self.seen.append(card)


def _went(rollout: Rollout, version: str) -> bool:
    return rollout.version == version and rollout.touched


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_whatever_people_do_nothing_ships_on_one_persons_word(
    files: Databases, request: pytest.FixtureRequest
) -> None:
    class OnFiles(Afternoon):
        pass

    OnFiles.files = files
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        OnFiles,
        settings=settings(
            max_examples=settings().max_examples // 4,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=quiet,
        ),
    )
