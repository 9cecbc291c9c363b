"""How a standup goes on: what is decided, reminded of, added, carried over and closed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.events import Effect, Ticked, Whisper
from bot.domain.people import Actor
from bot.domain.rollout import Phase
from bot.domain.standup import (
    MOST_ACTIONS,
    REMINDERS,
    act_of,
    begin,
    decide,
    offered,
    refusal,
)
from bot.domain.standup_state import (
    CHOICES,
    ActionAdded,
    ActionClosed,
    AnyStandupEvent,
    Choice,
    ChoiceMade,
    PostWeekly,
    RemindDeciders,
    ShowStandup,
    Standup,
    Superseded,
    TellStandup,
    Topic,
    TopicClosed,
)
from tests.domain import builders as b

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
ADA = Actor("ada", "U0ADA", ("security",))
NOBODY = Actor("nora", "U0NORA")
SECOND = timedelta(seconds=1)


def topic(**fields: Any) -> Topic:
    usual: dict[str, Any] = {
        "rollout_id": "r1",
        "service": "shop",
        "environment": "production",
        "version": "v2",
        "where": "wave 1 of 4",
    }
    return Topic(**(usual | fields))


def standup(*topics: Topic, **fields: Any) -> Standup:
    usual: dict[str, Any] = {
        "id": "su-1",
        "series": "C0:p",
        "channel": "C0",
        "plan": "p",
        "topics": topics or (topic(),),
        "created_at": NOW,
    }
    return Standup(**(usual | fields))


class Going:
    """A standup, the time, and what it asked for last."""

    def __init__(self, *topics: Topic, before: Standup | None = None, **fields: Any) -> None:
        self.now = NOW
        self.standup, effects = begin(standup(*topics, **fields), before)
        self.effects: list[Effect] = list(effects)

    def happens(self, event: AnyStandupEvent, after: timedelta = SECOND) -> list[type[Effect]]:
        """What it asks for when something happens a moment later."""
        self.now += after
        self.standup, effects = decide(self.standup, event, self.now)
        self.effects = list(effects)
        return [type(effect) for effect in effects]

    def due(self) -> datetime | None:
        """When those who are silent are reminded next."""
        return self.standup.next_check_at

    @property
    def said(self) -> str:
        return " ".join(e.text for e in self.effects if isinstance(e, TellStandup | Whisper))


def choice(made: Choice = Choice.PAUSE, actor: Actor = ADA, why: str = "slow") -> ChoiceMade:
    return ChoiceMade(actor, "r1", made, why)


@pytest.mark.requirement("B-121")
@pytest.mark.parametrize("made", CHOICES)
def test_a_decision_is_kept_with_who_and_why_and_is_said(made: Choice) -> None:
    going = Going()
    assert going.happens(choice(made)) == [ShowStandup, TellStandup]
    kept = going.standup.topics[0].decision
    assert kept is not None
    assert (kept.choice, kept.person, kept.reason, kept.at) == (made, "ada", "slow", going.now)
    assert "@[ada] decided to" in going.said
    assert going.said.endswith(": slow")
    assert going.standup.undecided == ()
    assert going.due() is None


def test_what_was_decided_is_not_decided_again() -> None:
    going = Going()
    going.happens(choice())
    assert going.happens(choice(Choice.ROLLBACK)) == []
    again = refusal(going.standup, ADA, "r1", Choice.ROLLBACK)
    assert again is not None
    assert again.startswith("@[ada] has decided already")


REFUSED: dict[str, tuple[Standup, str, Choice, Actor, str]] = {
    "another release": (standup(), "r9", Choice.PAUSE, ADA, "not about that release"),
    "it is over": (standup(ended_at=NOW), "r1", Choice.PAUSE, ADA, "This standup is over"),
    "nothing is left": (
        standup(topic(closed="it is complete.")),
        "r1",
        Choice.ROLLBACK,
        ADA,
        "nothing left to decide: it is complete.",
    ),
    "the plan does not offer it": (
        standup(topic(offered=(Choice.PAUSE,))),
        "r1",
        Choice.ROLLBACK,
        ADA,
        "leaves that to its card",
    ),
    "nobody": (standup(), "r1", Choice.CONTINUE, NOBODY, "You hold no role"),
}


@pytest.mark.parametrize(
    ("one", "rollout", "made", "actor", "told"), REFUSED.values(), ids=REFUSED.keys()
)
def test_what_can_not_be_decided_here_changes_nothing_and_says_why(
    one: Standup, rollout: str, made: Choice, actor: Actor, told: str
) -> None:
    reason = refusal(one, actor, rollout, made)
    assert reason is not None
    assert told in reason
    assert decide(one, ChoiceMade(actor, rollout, made, "x"), NOW) == (one, ())


def test_a_pause_is_open_to_everybody() -> None:
    assert refusal(standup(), NOBODY, "r1", Choice.PAUSE) is None


def test_those_who_are_silent_are_reminded_twice_and_no_more() -> None:
    going = Going()
    assert going.due() == NOW + REMINDERS[0]
    assert going.happens(Ticked()) == []
    assert going.happens(Ticked(), REMINDERS[0]) == [RemindDeciders]
    assert going.due() == NOW + REMINDERS[1]
    assert going.happens(Ticked(), REMINDERS[1]) == [RemindDeciders]
    assert going.due() is None
    assert going.happens(Ticked(), timedelta(days=1)) == []


def test_after_an_outage_they_are_reminded_once() -> None:
    going = Going()
    assert going.happens(Ticked(), timedelta(hours=9)) == [RemindDeciders]
    assert going.due() is None


def test_nobody_is_reminded_of_what_nobody_has_to_decide() -> None:
    assert Going(topic(offered=())).standup.next_check_at is None
    quiet, _ = begin(msgspec.structs.replace(standup(), topics=()))
    assert quiet.next_check_at is None


def test_of_two_releases_the_other_still_waits() -> None:
    going = Going(topic(), topic(rollout_id="r2"))
    going.happens(choice())
    assert [each.rollout_id for each in going.standup.undecided] == ["r2"]
    assert going.due() == NOW + REMINDERS[0]


def test_a_release_that_ended_leaves_nothing_to_decide() -> None:
    going = Going()
    assert going.happens(TopicClosed("r1", "it was rolled back.")) == [ShowStandup]
    assert going.happens(TopicClosed("r1", "again")) == []
    assert going.standup.undecided == ()
    assert going.due() is None


@pytest.mark.requirement("B-124")
def test_actions_are_carried_over_with_their_numbers_until_they_are_done() -> None:
    first = Going()
    first.happens(ActionAdded(ADA, "look at the cache", "mary"))
    assert first.said == "@[ada] added 1. @[mary] look at the cache"
    first.happens(ActionAdded(ADA, "call the bank"))
    first.happens(ActionClosed(ADA, 2))
    assert first.said == "@[ada] has done 2. call the bank"
    second = Going(before=first.standup)
    (carried,) = second.standup.actions
    assert (carried.number, carried.owner, carried.since) == (1, "mary", NOW + SECOND)
    second.happens(ActionAdded(ADA, "third"))
    assert [each.number for each in second.standup.actions] == [1, 3]
    second.happens(ActionClosed(ADA, 1, dropped=True))
    assert "dropped 1." in second.said
    third = Going(before=second.standup)
    assert [each.number for each in third.standup.actions] == [3]


@pytest.mark.parametrize(("number", "told"), [(7, "is not on this list"), (1, "is done already")])
def test_what_is_not_open_can_not_be_closed(number: int, told: str) -> None:
    going = Going()
    going.happens(ActionAdded(ADA, "one"))
    going.happens(ActionClosed(ADA, 1))
    assert going.happens(ActionClosed(ADA, number)) == [Whisper]
    assert told in going.said


def test_the_list_does_not_grow_without_end() -> None:
    going = Going()
    for _ in range(MOST_ACTIONS):
        assert going.happens(ActionAdded(ADA, "more")) == [ShowStandup, TellStandup]
    assert going.happens(ActionAdded(ADA, "too much")) == [Whisper]
    assert len(going.standup.actions) == MOST_ACTIONS


def test_the_next_one_closes_the_one_before() -> None:
    going = Going()
    assert going.happens(Superseded("su-2")) == [ShowStandup]
    assert going.standup.phase == "over"
    assert going.due() is None
    assert going.happens(Superseded("su-3")) == []
    assert going.happens(Ticked(), timedelta(days=1)) == []


def test_the_report_of_the_week_comes_as_a_message_of_its_own() -> None:
    assert [type(each) for each in Going().effects] == [ShowStandup]
    weekly = Going(weekly=("Deployments: 3",))
    assert [type(each) for each in weekly.effects] == [ShowStandup, PostWeekly]


@pytest.mark.requirement("B-122", "B-123")
@pytest.mark.parametrize(
    ("made", "phase", "act"),
    [
        (Choice.CONTINUE, Phase.SOAKING, ""),
        (Choice.CONTINUE, Phase.PAUSED, "resume"),
        (Choice.CONTINUE, Phase.HALTED, "resume"),
        (Choice.NEXT_WAVE, Phase.JUDGING, "advance"),
        (Choice.PAUSE, Phase.SOAKING, "pause"),
        (Choice.PAUSE, Phase.PAUSED, ""),
        (Choice.ROLLBACK, Phase.PAUSED, "rollback"),
    ],
)
def test_each_choice_is_an_act_on_the_release(made: Choice, phase: Phase, act: str) -> None:
    assert act_of(made, msgspec.structs.replace(b.soaking(), phase=phase)) == act


def test_a_plan_names_the_choices_or_leaves_them_all() -> None:
    assert offered(()) == CHOICES
    assert offered(("rollback", "pause")) == (Choice.PAUSE, Choice.ROLLBACK)
