"""What can't be undone waits for two people, and what was stepped back from is seen to be over."""

from datetime import datetime, timedelta

import msgspec
import pytest

from bot.domain import response
from bot.domain.events import Page, Whisper
from bot.domain.people import BOT
from bot.domain.response import (
    Response,
    StepDone,
    TellResponse,
    TrafficBack,
    Verified,
    VerifyPrevious,
    steps_for,
)
from bot.plans import library
from tests.domain.builders import ADA, GRACE, NOBODY, NOW


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def begun(plan: str, action: response.Action, wave: str, by: str) -> Response:
    """A response to a breach under a built-in plan, from its beginning."""
    found = Response(
        id="r1-r7",
        rollout_id="r1",
        service="checkout",
        environment="production",
        version="v2",
        previous="v1",
        action=action,
        why="cpu > 85%",
        steps=steps_for(library().get(plan), action, wave, by=by),
        bad_since=NOW,
        asked_at=NOW,
        decided_at=NOW,
        created_at=NOW,
    )
    return response.begin(found)[0]


def numbered(found: Response, words: str) -> int:
    return next(n for n, step in enumerate(found.steps) if words in step.text)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("Empty the caches", marks=pytest.mark.requirement("B-130")),
        pytest.param("Restore the newest", marks=pytest.mark.requirement("B-131")),
    ],
)
def test_two_different_people_agree_before_anything_is_destroyed(words: str) -> None:
    found = begun("batch-patches-waves", "rollback", "w1", "grace")
    step = numbered(found, words)
    same, effects = response.decide(found, StepDone(NOBODY, step), after(1))
    assert (same, [type(each) for each in effects]) == (found, [Whisper])
    one, told = response.decide(found, StepDone(ADA, step), after(1))
    assert one.steps[step].done_at is None
    assert any("agrees (1 of 2)" in e.text for e in told if isinstance(e, TellResponse))
    again, effects = response.decide(one, StepDone(ADA, step), after(2))
    assert (again, [type(each) for each in effects]) == (one, [Whisper])
    both, told = response.decide(one, StepDone(GRACE, step), after(3))
    assert both.steps[step].done_at is None
    assert any("Now it may be done" in e.text for e in told if isinstance(e, TellResponse))
    done, _ = response.decide(both, StepDone(ADA, step, "flushed at 12:04"), after(4))
    assert done.steps[step].done_at == after(4)
    assert done.steps[step].agreed == (ADA.person, GRACE.person)


@pytest.mark.requirement("P-111")
def test_a_step_back_is_over_when_the_bot_has_seen_that_it_is() -> None:
    found = begun("proofile-staged", "step_back", "graduated", BOT)
    step = numbered(found, "it is over")
    back, effects = response.decide(found, TrafficBack(False, 0.0, after(2)), after(2))
    assert any(isinstance(each, VerifyPrevious) for each in effects)
    assert back.steps[step].done_at is None
    ill, effects = response.decide(back, Verified(False, "still: cpu > 85%"), after(900))
    assert ill.steps[step].done_at is None
    assert ["v2 has less traffic" in e.text for e in effects if isinstance(e, Page)] == [True]
    well, effects = response.decide(back, Verified(True, "no alert at 5 %"), after(70))
    assert well.steps[step].evidence == "no alert at 5 %"
    assert any("It is over" in e.text for e in effects if isinstance(e, TellResponse))


def test_a_step_back_without_such_a_step_waits_for_nothing() -> None:
    found = begun("proofile-staged", "step_back", "graduated", BOT)
    plain = tuple(step for step in found.steps if step.moment != "verified")
    bare = msgspec.structs.replace(found, steps=plain)
    _, effects = response.decide(bare, TrafficBack(False, 0.0, after(2)), after(2))
    assert not any(isinstance(each, VerifyPrevious) for each in effects)
