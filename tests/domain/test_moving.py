"""A target may take minutes to move traffic. Limits are looked at all the while."""

from datetime import timedelta

import msgspec
import pytest

from bot.domain.conditions import Action
from bot.domain.decisions import decide
from bot.domain.events import Measured, Page, Promoted, SetTraffic, SwitchBack, WaveApplied
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Measurement, Track, Unknown
from tests.domain.builders import (
    LIVE,
    NOW,
    SPIKE,
    counted,
    plan,
    preparing,
    promoting,
    seen,
    shifting,
    soaking,
    step,
    stepping_back,
)


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def second_shift(**fields: object) -> Rollout:
    """5 % is live and confirmed, 50 % has been asked for."""
    return step(soaking(plan(**fields)), counted(0, 1000, 30))


def broken_for(rollout: Rollout, seconds: int = 6, **how: float) -> Rollout:
    """Every second a look that sees a third of the requests fail."""
    for second in range(1, seconds + 1):
        if not rollout.watched:
            break
        rollout = step(rollout, counted(10, 30, **how), NOW + at(second))
    return rollout


def test_bad_traffic_is_taken_back_while_more_is_on_its_way() -> None:
    moving = second_shift()
    assert (moving.phase, moving.weight, moving.target_weight) == (Phase.SHIFTING, 5.0, 50.0)
    back = broken_for(moving)
    assert back.phase is Phase.ROLLING_BACK
    assert "error_rate > 5%" in back.rollback_reason


def test_the_first_percent_is_watched_before_it_is_confirmed() -> None:
    moving = shifting()
    assert moving.weight == 0.0
    assert broken_for(moving, weight=3.0).phase is Phase.ROLLING_BACK


def test_nothing_is_looked_at_before_traffic_moves() -> None:
    unmoved = preparing()
    assert not unmoved.watched
    assert unmoved.next_check_at is None
    assert decide(unmoved, counted(30, 30), NOW) == (unmoved, ())


def test_bad_traffic_is_taken_back_while_the_last_change_goes_on() -> None:
    assert broken_for(promoting(), weight=100.0).phase is Phase.ROLLING_BACK


def test_a_step_back_that_is_slow_becomes_a_rollback_when_it_has_to() -> None:
    assert broken_for(stepping_back(), weight=40.0).phase is Phase.ROLLING_BACK


def test_a_step_back_is_not_stopped_by_a_limit_that_only_pauses() -> None:
    gentle = msgspec.structs.replace(SPIKE, do=Action.PAUSE)
    back = msgspec.structs.replace(stepping_back(), plan=plan(triggers=(gentle,)))
    after = broken_for(back, weight=40.0)
    assert after.phase is Phase.STEPPING_BACK
    assert after.op_key == back.op_key


def test_a_limit_that_pauses_holds_what_is_on_its_way() -> None:
    gentle = msgspec.structs.replace(SPIKE, do=Action.PAUSE)
    held = broken_for(second_shift(triggers=(gentle,)))
    assert (held.phase, held.paused_from) == (Phase.PAUSED, Phase.SHIFTING)


def test_a_limit_that_steps_back_goes_to_no_more_than_what_was_confirmed() -> None:
    gentle = msgspec.structs.replace(SPIKE, do=Action.STEP_BACK)
    back = broken_for(second_shift(triggers=(gentle,)))
    assert back.phase is Phase.STEPPING_BACK
    assert back.target_weight <= 5.0


def test_what_is_asked_for_stays_asked_for_while_all_is_well() -> None:
    moving = second_shift()
    after, effects = decide(moving, counted(0, 30), NOW + at(1))
    assert after.phase is Phase.SHIFTING
    assert after.op_key == moving.op_key
    assert after.fence == moving.fence
    assert not any(isinstance(effect, SetTraffic | SwitchBack) for effect in effects)
    assert after.next_check_at is not None
    assert after.next_check_at > NOW + at(1)


def test_time_on_the_way_is_no_soak_and_no_evidence_for_the_gates() -> None:
    moving = step(second_shift(), counted(0, 1000, 30), NOW + at(1))
    assert (moving.soak_done, moving.findings) == (timedelta(), ())
    there = step(moving, WaveApplied(moving.op_key, seen(50.0)), NOW + at(2))
    assert there.phase is Phase.SOAKING
    assert there.soak_done == timedelta()
    assert all(entry.total is None for entry in there.meter.canary.values())


@pytest.mark.parametrize("confirm", ["wave", "promotion"])
def test_a_look_from_the_way_is_too_old_once_the_traffic_is_there(confirm: str) -> None:
    moving = second_shift() if confirm == "wave" else promoting()
    event = (
        WaveApplied(moving.op_key, seen(50.0))
        if confirm == "wave"
        else Promoted(moving.op_key, LIVE)
    )
    after, _ = decide(moving, event, NOW)
    assert after.fence > moving.fence


def test_a_change_that_begins_keeps_the_next_look() -> None:
    moving = second_shift()
    assert moving.next_check_at is not None
    assert moving.next_check_at <= NOW + moving.the_plan.poll


def test_people_are_called_once_when_nothing_is_known_while_traffic_moves() -> None:
    moving, pages = second_shift(), 0
    for second in range(1, 200):
        lost = Measurement("error_rate", Track.CANARY, Unknown("Prometheus is down"))
        event = Measured((lost,), timedelta(), seen(20.0))
        after, effects = decide(moving, event, NOW + at(second))
        pages += sum(isinstance(effect, Page) for effect in effects)
        moving = msgspec.structs.replace(after, revision=moving.revision + 1)
    assert moving.phase is Phase.SHIFTING
    assert pages == 1
