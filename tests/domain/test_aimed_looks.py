"""When a live rollout is looked at again: at the next poll, or where something ends before it."""

from datetime import timedelta

import msgspec

from bot.domain.events import Measured
from bot.domain.knowing import EARLY
from bot.domain.rollout import Rollout
from bot.domain.samples import Measurement, Track, Unknown
from tests.domain import builders as b

POLL = timedelta(seconds=20)
BEGAN = b.NOW


def soaking() -> Rollout:
    """A wave of 30 minutes whose trigger has windows of 2 s, polled every 20 s."""
    return b.soaking(b.plan(poll=POLL))


def looked(rollout: Rollout, seconds: float, covered: timedelta = timedelta()) -> timedelta:
    """How long after a look, `seconds` after the wave began, the next one is due."""
    now = BEGAN + timedelta(seconds=seconds)
    look = msgspec.structs.replace(b.counted(0, 100, weight=5.0), covered=covered)
    after = b.step(rollout, look, now)
    assert after.next_check_at is not None
    return after.next_check_at - now


def test_the_next_look_comes_when_a_window_ends() -> None:
    assert looked(soaking(), 0.5) == timedelta(seconds=1.5)


def test_without_windows_the_next_look_comes_at_the_next_poll() -> None:
    assert looked(b.soaking(b.plan(poll=POLL, triggers=())), 0.5) == POLL * EARLY


def test_the_next_look_comes_when_the_soak_ends() -> None:
    nearly = b.soaking(b.plan(poll=POLL, triggers=()))
    left = timedelta(seconds=3)
    assert looked(nearly, 1, nearly.soak_needed - left) == left


def test_a_soak_that_stands_still_is_not_looked_at_more_often() -> None:
    blind = Measurement("error_rate", Track.CANARY, Unknown("no answer"))
    rollout = b.soaking(b.plan(poll=POLL, triggers=()))
    nearly = msgspec.structs.replace(
        rollout, soak_done=rollout.soak_needed - timedelta(milliseconds=50)
    )
    after = b.step(nearly, Measured((blind,), timedelta(seconds=1), b.seen(5.0)), b.NOW)
    assert after.next_check_at == b.NOW + POLL * EARLY
