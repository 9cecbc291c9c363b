"""Gaps in the traffic while it moves: what is one, what is none, and what nobody can know."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from bot.domain.plan_compile import compile_plan
from bot.domain.samples import Counts, Measurement, Probe, Sample, Track, Unknown
from bot.domain.served import ENOUGH, SETTLING, Gap, Served, counting, look
from tests.domain.builders import NOW
from tests.domain.going import PLAN, document

BOTH = (Track.CANARY, Track.BASELINE)
ONLY_PROBED = {**document(), "metrics": {"health": {"kind": "probe"}}}


def _second(at: datetime) -> float:
    return (at - NOW).total_seconds()


class Street:
    """A service whose requests are counted at every look."""

    def __init__(self, document: Mapping[str, object] = PLAN) -> None:
        self.plan = compile_plan(document)
        self.served, self.at = Served(), 0.0
        self.pass_by(0, 0)

    def pass_by(
        self, seconds: float, rate: float, *, move: str = "", step: float = 1, weight: float = 50
    ) -> "Street":
        """Time passes, with so many requests a second on both sides together."""
        for _ in range(max(1, round(seconds / step))):
            self.at += step if seconds else 0
            n = rate * step / 2
            self.look({t: Sample(Counts(0, n), self.now) for t in BOTH}, move, weight)
        return self

    def dark(self, seconds: float, *, move: str = "", sides: tuple[Track, ...] = BOTH) -> "Street":
        """Time passes, and these sides can't be read."""
        for _ in range(round(seconds)):
            self.at += 1
            seen: dict[Track, Sample | Unknown] = dict.fromkeys(sides, Unknown("no answer"))
            seen |= {t: Sample(Counts(0, 25), self.now) for t in BOTH if t not in sides}
            self.look(seen, move)
        return self

    def look(
        self, readings: Mapping[Track, Sample | Unknown], move: str = "", weight: float = 50
    ) -> None:
        found = [Measurement("error_rate", t, r) for t, r in readings.items()]
        self.served = look(
            self.served, self.plan, found, self.now, move=move, over_at=None, weight=weight
        )

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.at)

    @property
    def gaps(self) -> list[tuple[float, float | None]]:
        """From when to when, in seconds from the beginning; unknown stretches are left out."""
        known = [gap for gap in self.served.gaps if not gap.unknown]
        return [(_second(g.since), _second(g.until) if g.until else None) for g in known]

    @property
    def unknown(self) -> list[Gap]:
        return [gap for gap in self.served.gaps if gap.unknown]


@pytest.mark.requirement("P-003", "B-004")
def test_a_stretch_without_requests_while_traffic_moves_is_a_gap_with_its_ends() -> None:
    street = Street().pass_by(60, 50).pass_by(10, 50, move="m").pass_by(8, 0, move="m")
    assert street.gaps == [(70, None)]
    street.pass_by(5, 50)
    assert street.gaps == [(70, 78)]
    (gap,) = street.served.gaps
    assert (gap.served, round(gap.expected), gap.move) == (0, 400, "m")


@pytest.mark.requirement("P-003", "B-004")
def test_traffic_that_goes_on_has_no_gap_whatever_moves() -> None:
    street = Street().pass_by(30, 50)
    for _ in range(4):
        street.pass_by(5, 50, move="up").pass_by(60, 50)
    assert street.gaps == []


@pytest.mark.parametrize(("rate", "found"), [(4.9, 1), (5.1, 0)])
def test_less_than_a_tenth_is_too_little_and_more_is_not(rate: float, found: int) -> None:
    street = Street().pass_by(60, 50).pass_by(10, rate, move="m").pass_by(5, 50)
    assert len(street.gaps) == found


def test_a_lull_in_which_few_were_to_be_expected_is_no_gap() -> None:
    street = Street().pass_by(300, 0.5).pass_by(30, 0, move="m").pass_by(60, 0.5)
    assert street.gaps == []
    assert ENOUGH > 0.5 * 30


def test_a_pause_that_the_traffic_makes_anyway_is_no_gap() -> None:
    street = Street()
    for _ in range(5):
        street.pass_by(5, 100).pass_by(25, 0)
    assert street.served.lull > 20
    street.pass_by(5, 100, move="m").pass_by(25, 0, move="m").pass_by(5, 100)
    assert street.gaps == []


def test_what_is_missing_before_anything_moved_is_not_told() -> None:
    street = Street().pass_by(60, 50).pass_by(10, 0).pass_by(60, 50)
    assert street.gaps == []


def test_a_move_that_was_over_before_anybody_looked_is_one_too() -> None:
    street = Street().pass_by(60, 50)
    confirmed = street.now
    street.at += 1
    found = [Measurement("error_rate", t, Sample(Counts(0, 0), street.now)) for t in BOTH]
    new = {"move": "m", "over_at": confirmed, "weight": 50.0}
    street.served = look(street.served, street.plan, found, street.now, **new)  # type: ignore[arg-type]
    assert street.pass_by(9, 0).gaps == [(60, None)]


def test_after_the_move_a_gap_is_still_looked_for_for_a_while() -> None:
    settled = 60.0
    soon = Street().pass_by(60, 50).pass_by(5, 50, move="m").pass_by(settled - 10, 50)
    assert len(soon.pass_by(5, 0).pass_by(5, 50).gaps) == 1
    late = Street().pass_by(60, 50).pass_by(5, 50, move="m").pass_by(settled + 10, 50)
    assert late.pass_by(5, 0).pass_by(5, 50).gaps == []


def test_the_first_move_is_judged_by_the_level_that_comes_after_it() -> None:
    street = Street().pass_by(8, 0, move="m")
    assert street.gaps == []
    street.pass_by(30, 50, move="m")
    assert street.gaps == []  # half a minute may be a burst
    street.pass_by(40, 50)
    assert street.gaps == [(0, 8)]


def test_traffic_that_comes_in_bursts_has_no_gap_in_its_first_move_either() -> None:
    street = Street()
    for _ in range(3):
        street.pass_by(1, 100, move="m").pass_by(29, 0, move="m")
    for _ in range(20):
        street.pass_by(1, 100).pass_by(29, 0)
    street.pass_by(1, 100, move="n").pass_by(29, 0, move="n").pass_by(1, 100)
    assert street.served.gaps == ()


def test_days_later_everything_begins_anew() -> None:
    street = Street().pass_by(120, 50)
    street.at += 3 * 24 * 3600
    street.pass_by(30, 1, move="back")  # what it is now, and what it was, are two things
    assert street.served.gaps == ()
    assert street.served.level == pytest.approx(1, rel=0.1)


def test_a_side_that_can_not_be_read_is_no_gap() -> None:
    street = Street().pass_by(60, 50).dark(20, move="m", sides=(Track.BASELINE,))
    street.pass_by(1, 50 * 21, move="m").pass_by(60, 50)  # the next reading has it all
    assert street.served.gaps == ()


def test_a_move_that_nobody_could_count_is_said_to_be_unknown_once() -> None:
    street = Street().pass_by(60, 50).dark(20, move="m").dark(2 * SETTLING.total_seconds())
    assert street.gaps == []
    assert [(gap.until, gap.move) for gap in street.unknown] == [(None, "m")]
    street.pass_by(1, 50 * 140).pass_by(10, 50)
    assert [gap.until is None for gap in street.unknown] == [False]
    assert street.gaps == []


def test_what_was_lost_while_nobody_could_count_is_found_by_the_next_reading() -> None:
    street = Street().pass_by(60, 50).dark(20, move="m").pass_by(1, 10, move="m").pass_by(9, 50)
    assert street.gaps == [(60, 81)]


def test_readings_that_bring_nothing_newer_are_no_time_without_requests() -> None:
    street = Street().pass_by(60, 50)
    old = street.now
    for _ in range(30):  # a source that is scraped every half a minute
        street.at += 1
        street.look({t: Sample(Counts(0, 0), old) for t in BOTH}, "m")
    street.pass_by(1, 50 * 31, move="m").pass_by(30, 50)
    assert street.gaps == []


def test_at_100_percent_the_new_side_alone_is_what_is_served() -> None:
    street = Street().pass_by(60, 50)
    for _ in range(20):
        street.at += 1
        new = {Track.CANARY: Sample(Counts(0, 50), street.now)}
        street.look(new, "m", 100)
    assert street.served.gaps == ()
    assert street.served.unread_since is None
    assert street.served.at == street.now


def test_a_wave_that_served_next_to_nothing_is_told_when_the_next_one_begins() -> None:
    street = Street().pass_by(120, 50).pass_by(3, 50, move="one").pass_by(70, 50)
    for rate in (30, 15, 7, 3, 1.2, 0.5):  # so slowly that no stretch stands out
        street.pass_by(400, rate, step=20)
    street.pass_by(40_000, 0.5, step=200)
    assert street.gaps == []
    street.pass_by(1, 0.5, move="two")
    ((since, until),) = street.gaps
    assert since == pytest.approx(121, abs=3)
    assert until == street.at


def test_where_nothing_counts_requests_the_probe_tells() -> None:
    plan = compile_plan(ONLY_PROBED)
    assert counting(plan) == ""
    served = Served()
    for second, ok in enumerate([True, False, True, True, False, False, False, True, True]):
        at = NOW + timedelta(seconds=second * 10)
        answer = [Measurement("health", Track.CANARY, Sample(Probe(ok), at))]
        served = look(served, plan, answer, at, move="m", over_at=None, weight=50)
    (gap,) = served.gaps  # one failed answer alone is none
    assert ((gap.since - NOW).seconds, gap.until and (gap.until - NOW).seconds) == (30, 70)
