"""The tables of the manual once more, through the path that a release really takes."""

from datetime import timedelta

import numpy as np
import pytest

from bot.domain.events import Measured
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Counts, Measurement, Sample, Track
from tests.domain import builders as b
from tests.simulation.soaks import DAY, NEVER, failures, fired

pytestmark = pytest.mark.thorough

MINUTE = timedelta(minutes=1)
RULE = b.condition("error_rate > 1%", id="rule", window=MINUTE, hold=5 * MINUTE)
WARM_UP = 2


def lived(rollout: Rollout, row: list[int], per_minute: int) -> int:
    """The minute at whose end a soaking release is taken back, NEVER when it is not."""
    for minute, bad in enumerate(row, start=1):
        now = b.NOW + minute * MINUTE
        counts = Sample(Counts(float(bad), float(per_minute)), now)
        look = Measured((Measurement("error_rate", Track.CANARY, counts),), MINUTE, b.seen(5.0))
        rollout = b.step(rollout, look, now)
        if rollout.phase is not Phase.SOAKING:
            return minute if rollout.phase is Phase.ROLLING_BACK else NEVER
    return NEVER


def soaking(hours: float, *, gate: bool) -> Rollout:
    """A release in a wave of so many hours with the gate 0.1 %, or with the trigger of 1 %."""
    gates = (b.condition("error_rate < 0.1%", id="gate"),) if gate else ()
    wave = b.wave("p5", 5.0, soak=timedelta(hours=hours), gates=gates)
    last = b.wave("p100", 100.0)
    triggers = () if gate else (RULE,)
    return b.soaking(b.plan(waves=(wave, last), triggers=triggers, max_extend=0.0))


@pytest.mark.parametrize(("per_minute", "expected"), [(50, 34), (200, 9), (1000, 2)])
def test_a_gate_broken_five_times_over_is_found_as_soon_as_the_manual_says(
    per_minute: int, expected: int
) -> None:
    start = soaking(4, gate=True)
    rows = failures((21, per_minute), 60, per_minute, 0.005, 239).tolist()
    found = [lived(start, row, per_minute) for row in rows]
    assert np.median(found) == pytest.approx(expected, rel=0.3, abs=1)


@pytest.mark.parametrize(("per_minute", "expected"), [(10, 28), (50, 5), (200, 5)])
def test_a_trigger_broken_five_times_over_is_found_as_soon_as_the_manual_says(
    per_minute: int, expected: int
) -> None:
    start = soaking(8, gate=False)
    bad = failures((22, per_minute), 60, per_minute, 0.05, 479)
    found = [lived(start, row, per_minute) for row in bad.tolist()]
    assert np.median(found) == pytest.approx(expected + WARM_UP, rel=0.4, abs=2)
    # The rule needs no warm-up, and what it finds is never later than in the simulation.
    assert (np.array(found) <= fired(bad, per_minute).rule).all()


@pytest.mark.parametrize("per_minute", [2, 10, 200])
def test_a_healthy_day_is_not_taken_back(per_minute: int) -> None:
    for gate in (True, False):
        start = soaking(24, gate=gate)
        for row in failures((23, per_minute), 3, per_minute, 0.0003, DAY - 1).tolist():
            assert lived(start, row, per_minute) == NEVER
