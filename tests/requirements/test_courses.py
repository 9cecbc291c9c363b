"""How releases go under the built-in plans: what comes first, how long it takes, what is posted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest

from bot.domain.events import (
    AdvanceRequested,
    ItemTicked,
    Measured,
    OptionChosen,
    Promoted,
    ResumeRequested,
    Retire,
    Retired,
    RollbackRequested,
    Seen,
    SetTraffic,
    SwitchBack,
    WaveApplied,
)
from bot.domain.people import Actor
from bot.domain.regular import STATUS
from bot.domain.rollout import MEASURING, Phase, Tick
from bot.domain.samples import Counts, Measurement, Sample, Track
from bot.slack.going_on import choices
from tests.domain import builders as b
from tests.requirements import batch_patches, crypto_watch, proofile, sarvanom
from tests.requirements.acting import Drive, Side, plans, share, slow
from tests.requirements.whispercache import GOOD, MANY

HOUR = timedelta(hours=1)
LIVE = Seen("v1.2.0", "v1.1.0", 0.0)
BLUE_GREEN = "whispercache-bluegreen"
CANARY = "whispercache-canary"


def passes(drive: Drive, good: dict[str, Side]) -> None:
    """The wave's soak is served with good numbers, its questions are answered, and it is left."""
    drive.answer_everything()
    soak = max(drive.rollout.current_wave.soak.total_seconds(), 60)
    drive.looks(4, soak / 4, good)


def checked(gate: str) -> ItemTicked:
    """A check that ran and passed."""
    return ItemTicked(Actor("countersign", "", (), via="bot"), gate, ok=True)


def arrives(drive: Drive) -> None:
    """The deployer confirms what it was asked for."""
    key, weight = drive.rollout.op_key, drive.rollout.target_weight
    drive.happens(WaveApplied(key, Seen("v1.1.0", "v1.2.0", weight)))


# --- whispercache -------------------------------------------------------------------------------


@pytest.mark.requirement(
    "whispercache-canary", "W-007", "W-008", "W-031", "W-068", "W-071", "W-083", "W-090"
)
def test_the_canary_plan_goes_through_its_waves_in_order_and_is_then_complete() -> None:
    drive = Drive(CANARY, "canary")
    began = drive.now
    weights = [drive.rollout.weight]
    for _ in range(3):
        passes(drive, GOOD)
        arrives(drive)
        weights.append(drive.rollout.weight)
    assert weights == [5, 25, 50, 100]
    assert drive.now - began == 2 * HOUR
    passes(drive, GOOD)
    assert drive.now - began == 4 * HOUR
    drive.happens(Promoted(drive.rollout.op_key, LIVE))
    while drive.is_in(Phase.WATCHING) and not drive.rollout.op_key:
        drive.now += HOUR / 4
        drive.happens(Measured((), HOUR / 4, LIVE))
    assert drive.now - began == 5 * HOUR
    drive.happens(Retired(drive.rollout.op_key))
    assert drive.is_in(Phase.COMPLETED)


@pytest.mark.requirement("W-090")
def test_two_hours_at_100_percent_end_with_the_word_of_somebody_responsible() -> None:
    drive = Drive(CANARY, "full")
    drive.looks(8, 900, GOOD)
    assert drive.is_in(Phase.JUDGING)
    assert not drive.rollout.soak_left
    drive.answer_everything()
    drive.look(1, GOOD)
    assert drive.is_in(Phase.PROMOTING)


@pytest.mark.requirement("W-075")
@pytest.mark.parametrize("left_out", ["smoke_tests", "connectivity", "cache_warm"])
def test_no_request_reaches_green_before_all_its_checks_have_passed(left_out: str) -> None:
    drive = Drive(BLUE_GREEN, "green")
    for gate in drive.rollout.current_wave.gates:
        if gate.text != left_out:
            drive.happens(checked(gate.id))
    drive.looks(3, 600, GOOD)
    assert drive.rollout.weight == 0
    assert not any(isinstance(effect, SetTraffic) for effect in drive.effects)
    drive.happens(
        checked(next(g.id for g in drive.rollout.current_wave.gates if g.text == left_out))
    )
    drive.look(1, GOOD)
    assert [e.weight for e in drive.effects if isinstance(e, SetTraffic)] == [5]


@pytest.mark.requirement("W-079", "W-080", "X-02")
def test_the_old_side_is_stopped_after_an_hour_and_not_before() -> None:
    drive = Drive(BLUE_GREEN, "green-100")
    drive.looks(59, 60, GOOD)
    assert drive.is_in(Phase.SOAKING)
    drive.look(60, GOOD)
    assert drive.is_in(Phase.PROMOTING)
    drive.happens(Promoted(drive.rollout.op_key, LIVE))
    drive.happens(Measured((), timedelta(seconds=1), LIVE))
    assert [e.version for e in drive.effects if isinstance(e, Retire)] == ["v1.1.0"]


@pytest.mark.requirement("W-081", "W-135")
def test_during_that_hour_everything_can_be_switched_back() -> None:
    drive = Drive(BLUE_GREEN, "green-100")
    drive.looks(59, 60, GOOD)
    drive.happens(RollbackRequested(b.ADA, "wrong totals", "q1", now=True))
    assert [e.version for e in drive.effects if isinstance(e, SwitchBack)] == ["v1.1.0"]
    assert not any(isinstance(effect, Retire) for effect in drive.effects)


@pytest.mark.requirement("X-02")
@pytest.mark.parametrize("wave", ["green-5", "green-25", "green-50"])
def test_blue_green_goes_on_as_soon_as_its_numbers_are_good(wave: str) -> None:
    drive = Drive(BLUE_GREEN, wave)
    drive.look(1, {"error_rate": share(0, MANY), "latency_p99": slow(0, 0.5, MANY)})
    assert drive.is_in(Phase.SHIFTING)


# --- the others, from the first request to the last ----------------------------------------------


@dataclass(frozen=True)
class Course:
    """How a release goes when all is well: at which hour it has which traffic, and when it ends."""

    rows: tuple[str, ...]
    plan: str
    good: Mapping[str, Side]
    shares: tuple[tuple[float, float], ...]
    ends: float
    look: timedelta


MINUTES = timedelta(minutes=1)
COURSES = [
    Course(
        (
            "proofile-staged",
            "P-034",
            "P-035",
            "P-046",
            "P-137",
            "P-138",
            "P-047",
            "P-048",
            "P-061",
            "P-062",
            "X-11",
        ),
        "proofile-staged",
        proofile.GOOD,
        ((0, 5), (48, 25), (120, 100)),
        144,
        60 * MINUTES,
    ),
    Course(
        (
            *("batch-patches-waves", "B-002", "B-033", "B-041", "B-049", "B-050", "B-058"),
            *("B-067", "B-068", "B-075", "B-084", "B-085", "B-091", "X-16"),
        ),
        "batch-patches-waves",
        batch_patches.GOOD,
        ((0, 10), (48, 25), (96, 50), (144, 100)),
        192,
        60 * MINUTES,
    ),
    Course(
        ("crypto-watch-linear", "C-010", "C-044", "C-045", "X-24"),
        "crypto-watch-linear",
        crypto_watch.GOOD,
        tuple((n / 60, 10.0 * (n + 1)) for n in range(10)),
        15 / 60,
        MINUTES / 6,
    ),
    Course(
        (
            "sarvanom-feature",
            "S-005",
            "S-015",
            "S-030",
            "S-031",
            "S-032",
            "S-033",
            "S-068",
            "S-069",
        ),
        "sarvanom-feature",
        sarvanom.GOOD,
        ((0, 5), (0.5, 25), (1.5, 50), (3.5, 100)),
        3.5,
        2 * MINUTES,
    ),
    Course(
        ("sarvanom-major", "S-008"),
        "sarvanom-major",
        sarvanom.GOOD,
        ((0, 5), (1, 25), (3, 50), (7, 100)),
        7,
        4 * MINUTES,
    ),
]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "course",
    [pytest.param(c, id=c.plan, marks=pytest.mark.requirement(*c.rows)) for c in COURSES],
)
def test_when_all_is_well_each_share_comes_at_its_time(course: Course) -> None:
    drive = Drive(course.plan, plans().get(course.plan).waves[0].id)
    drive.begin_anew()
    began, shares = drive.now, [(0.0, drive.rollout.weight)]
    while not drive.is_in(Phase.PROMOTING):
        drive.answer_everything()
        drive.look(course.look.total_seconds(), course.good)
        if "press Advance" in drive.rollout.reason:
            drive.let_go_on(course.good)
        if drive.is_in(Phase.SHIFTING):
            arrives(drive)
            shares.append(((drive.now - began) / HOUR, drive.rollout.weight))
        assert drive.now - began <= 200 * HOUR, drive.rollout.reason
    look = course.look / HOUR
    assert [weight for _, weight in shares] == [weight for _, weight in course.shares]
    for (at, _), (wanted, _) in zip(shares, course.shares, strict=True):
        assert wanted <= at <= wanted + look + 0.001
    assert course.ends <= (drive.now - began) / HOUR <= course.ends + look + 0.001


@pytest.mark.requirement("sarvanom-hotfix", "S-002")
def test_a_hotfix_goes_straight_to_100_percent_and_is_taken_back_by_its_triggers() -> None:
    drive = Drive("sarvanom-hotfix", "direct")
    assert drive.rollout.weight == 100
    drive.look(1, {})
    drive.happens(Promoted(drive.rollout.op_key, LIVE))
    assert drive.is_in(Phase.WATCHING)
    for _ in range(5):
        drive.now += timedelta(minutes=1)
        errors = Measurement("error_rate", Track.CANARY, Sample(Counts(11, 1000), drive.now))
        drive.happens(Measured((errors,), timedelta(minutes=1), LIVE))
    assert drive.done == "rollback"


@pytest.mark.requirement("B-053", "B-070", "B-087")
def test_each_wave_of_batch_patches_asks_again_what_those_before_it_asked() -> None:
    first, *later = plans().get("batch-patches-waves").waves
    asked = {gate.text for gate in first.gates}
    for wave in later:
        texts = {gate.text for gate in wave.gates}
        assert asked < texts
        asked = texts


@pytest.mark.requirement("P-123", "P-124", "S3-03")
def test_the_release_manager_alone_says_go_and_says_why() -> None:
    drive = Drive("proofile-staged", "canary")
    drive.answer_everything()
    drive.serve(proofile.GOOD)
    drive.look(1, proofile.GOOD)
    for person, why in [
        (Actor("dora", "U0DORA", ("devops",)), "looks fine"),
        (Actor("olga", "U0OLGA", ("release_manager",)), ""),
    ]:
        drive.happens(AdvanceRequested(person, why))
        assert drive.is_in(Phase.JUDGING)
    drive.happens(AdvanceRequested(Actor("olga", "U0OLGA", ("release_manager",)), "looks fine"))
    assert any("looks fine" in text for text in drive.posted)
    assert not drive.is_in(Phase.JUDGING) or drive.rollout.wave_opens_at is not None


@pytest.mark.requirement("P-058")
def test_the_team_stands_by_at_25_percent_and_the_post_names_who_is_on_call() -> None:
    drive = Drive("proofile-staged", "canary")
    drive.answer_everything()
    tick = Tick("team/on-call", True, "countersign", drive.now, "Grace, then Alan")
    drive.rollout = msgspec.structs.replace(drive.rollout, items={tick.gate: tick})
    drive.serve(proofile.GOOD)
    drive.let_go_on(proofile.GOOD)
    assert drive.is_in(Phase.SHIFTING)
    arrives(drive)
    said = [text for text in drive.posted if text.startswith("On call stand by until")]
    assert [text.rpartition(". ")[2] for text in said] == ["On call: Grace, then Alan."]


OLGA = Actor("olga", "U0OLGA", ("release_manager",))


def stepped_back() -> Drive:
    """Too many errors at 25 %, and back at 5 %."""
    drive = Drive("proofile-staged", "graduated")
    drive.answer_everything()
    drive.serve({**proofile.GOOD, "error_rate": share(2000, MANY)})
    assert drive.is_in(Phase.STEPPING_BACK)
    arrives(drive)
    assert (drive.rollout.phase, drive.rollout.weight) == (Phase.PAUSED, 5)
    return drive


@pytest.mark.requirement("P-151")
def test_at_25_percent_people_choose_one_of_three_ways_before_anything_goes_on() -> None:
    drive = stepped_back()
    assert drive.rollout.options == ("fix", "rollback", "proceed")
    assert any("Choose how to go on: fix, rollback, proceed" in text for text in drive.posted)
    drive.happens(ResumeRequested(OLGA))
    assert drive.is_in(Phase.PAUSED)
    for option, phase in [
        ("fix", Phase.PAUSED),
        ("rollback", Phase.ROLLING_BACK),
        ("proceed", Phase.SHIFTING),
    ]:
        again = stepped_back()
        again.happens(OptionChosen(OLGA, option, "it is the best of them", "q9"))
        assert again.rollout.phase is phase
        assert again.rollout.choices[-1].reason == "it is the best of them"


@pytest.mark.requirement("P-152")
def test_after_a_wrong_alarm_the_quarter_is_reached_in_small_steps() -> None:
    drive = stepped_back()
    drive.happens(OptionChosen(OLGA, "proceed", "the exporter was wrong", "q9"))
    assert drive.is_in(Phase.SHIFTING)
    arrives(drive)
    weights, began = [drive.rollout.weight], drive.now
    while drive.rollout.weight < 25:
        drive.look(HOUR.total_seconds(), proofile.GOOD)
        if drive.is_in(Phase.SHIFTING):
            arrives(drive)
            weights.append(drive.rollout.weight)
        assert drive.now - began < 48 * HOUR
    assert weights == [10, 15, 20, 25]
    assert drive.now - began == 9 * HOUR
    drive.answer_everything()
    drive.serve(proofile.GOOD)
    assert drive.rollout.soak_done >= 72 * HOUR
    assert not drive.is_in(Phase.PAUSED)


@pytest.mark.requirement("P-152")
def test_after_a_repair_the_quarter_is_tried_as_it_was() -> None:
    drive = stepped_back()
    drive.happens(OptionChosen(OLGA, "fix", "an index was missing", "q9"))
    drive.happens(ResumeRequested(OLGA))
    assert [e.weight for e in drive.effects if isinstance(e, SetTraffic)][-1] == 25


@pytest.mark.requirement("P-152")
def test_each_way_says_when_it_is_the_right_one() -> None:
    words = str(choices(stepped_back().rollout))
    for said in ("what is minor", "what is critical", "only the monitoring was wrong"):
        assert said in words


@pytest.mark.requirement("P-113", "P-154", "S2-11c")
@pytest.mark.parametrize("option", ["hotfix", "rollback", "workaround", "observe"])
def test_at_100_percent_people_choose_one_of_four_ways(option: str) -> None:
    drive = Drive("proofile-staged", "full")
    drive.answer_everything()
    drive.serve({**proofile.GOOD, "error_rate": share(2000, MANY)})
    assert drive.is_in(Phase.PAUSED)
    assert set(drive.rollout.options) == {"hotfix", "rollback", "workaround", "observe"}
    olga = Actor("olga", "U0OLGA", ("release_manager",))
    drive.happens(OptionChosen(olga, option, "it is the best of them", "q9"))
    (choice,) = drive.rollout.choices
    assert (choice.option, choice.person, choice.reason) == (
        option,
        "olga",
        "it is the best of them",
    )
    assert drive.is_in(Phase.ROLLING_BACK) is (option == "rollback")


# --- clocks -------------------------------------------------------------------------------------


@pytest.mark.requirement("S4-01", "S-052")
@pytest.mark.parametrize("name", plans().names())
def test_every_plan_is_looked_at_at_least_once_a_minute(name: str) -> None:
    for wave in plans().get(name).waves:
        drive = Drive(name, wave.id)
        drive.look(1, {})
        if drive.rollout.phase in MEASURING:  # a wave without a soak may be over already
            due = drive.rollout.next_check_at
            assert due is not None
            assert due - drive.now <= timedelta(minutes=1)


@dataclass(frozen=True)
class Posts:
    """A wave's updates: every so many minutes, until so many minutes after it began."""

    rows: tuple[str, ...]
    plan: str
    wave: str
    stretches: Sequence[tuple[float, float]]


PROOFILE, BATCHES = "proofile-staged", "batch-patches-waves"
DAY = 24 * 60.0
CADENCES = [
    Posts(("P-036", "S4-03a"), PROOFILE, "canary", [(15, 2 * DAY)]),
    Posts(("P-055", "S4-03a"), PROOFILE, "graduated", [(5, 3 * DAY)]),
    Posts(
        ("P-067", "P-068", "P-069", "S4-03a"),
        PROOFILE,
        "full",
        [(1, 60), (5, 8 * 60), (15, DAY)],
    ),
    Posts(("B-042", "S4-03b"), BATCHES, "w1", [(15, DAY)]),
    Posts(("B-059", "S4-03b"), BATCHES, "w2", [(10, 2 * DAY)]),
    Posts(("B-076", "S4-03b"), BATCHES, "w3", [(5, 2 * DAY)]),
    Posts(("B-092", "S4-03b"), BATCHES, "w4", [(1, 8 * 60), (5, 2 * DAY)]),
]


@pytest.mark.parametrize(
    "posts",
    [
        pytest.param(p, id=f"{p.plan}-{p.wave}", marks=pytest.mark.requirement(*p.rows))
        for p in CADENCES
    ],
)
def test_updates_are_posted_as_often_as_the_plan_says(posts: Posts) -> None:
    ends = [0.0, *(until for _, until in posts.stretches)]
    for (begin, _), (every, _) in zip(pairwise(ends), posts.stretches, strict=True):
        drive = Drive(posts.plan, posts.wave)
        drive.now += timedelta(minutes=begin)
        whats = {f"{STATUS}:{cadence.what}" for cadence in drive.rollout.current_wave.cadence}
        drive.rollout = msgspec.structs.replace(drive.rollout, said=dict.fromkeys(whats, drive.now))
        for n in range(1, 4):
            drive.look(every * 30, {})
            assert updates(drive) == n - 1
            drive.look(every * 30, {})
            assert updates(drive) == n


def updates(drive: Drive) -> int:
    return sum(text.startswith("Status at ") for text in drive.posted)
