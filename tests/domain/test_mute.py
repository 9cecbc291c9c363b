"""Nothing rises by itself while people can't be told; what takes traffic away goes on."""

from datetime import timedelta

import msgspec

from bot.domain.decisions import decide
from bot.domain.events import Measured, SetTraffic
from bot.domain.rollout import Phase
from tests.domain.builders import LIVE, NOW, counted, soaking, step, watching

WHY = "Slack refuses SLACK_BOT_TOKEN."


def unheard(event: Measured) -> Measured:
    return msgspec.structs.replace(event, mute=WHY)


def test_a_wave_that_has_passed_waits_until_people_can_be_told() -> None:
    held, effects = decide(soaking(), unheard(counted(0, 1000, 30)), NOW)
    assert held.phase is Phase.JUDGING
    assert held.reason == "Waiting until people can be told again."
    assert not any(isinstance(effect, SetTraffic) for effect in effects)


def test_it_goes_on_by_itself_when_people_can_be_told_again() -> None:
    held = step(soaking(), unheard(counted(0, 1000, 30)))
    later = step(held, counted(0, 10), NOW + timedelta(seconds=1))
    assert (later.phase, later.target_weight) == (Phase.SHIFTING, 50.0)


def test_the_time_in_which_nobody_could_be_told_is_soaked_all_the_same() -> None:
    assert step(soaking(), unheard(counted(0, 100, 10))).soak_done == timedelta(minutes=10)


def test_bad_traffic_is_taken_back_although_nobody_can_be_told() -> None:
    rollout = soaking()
    for second in range(1, 7):
        if rollout.phase is not Phase.SOAKING:
            break
        rollout = step(rollout, unheard(counted(10, 30)), NOW + timedelta(seconds=second))
    assert rollout.phase is Phase.ROLLING_BACK


def test_the_old_side_stays_while_nobody_can_be_told() -> None:
    over = counted(0, 10, 120, seen=LIVE)
    assert step(watching(), unheard(over)).op_key == ""
    assert step(watching(), over).op_key
