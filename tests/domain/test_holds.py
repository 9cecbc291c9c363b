"""What is in the way of a release, and when it opens: freezes, calendars, locks; and what a hotfix
may pass."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bot.domain import holds, locks
from bot.domain.calendar import WEEKDAYS, Span, Weekly
from bot.domain.decisions import decide
from bot.domain.documents import DocumentError
from bot.domain.events import (
    AskSigners,
    ExecutionChecked,
    HookFired,
    PostThread,
    PreflightPassed,
    ResumeRequested,
    SwitchBack,
    Whisper,
)
from bot.domain.freezes import (
    Freeze,
    FreezeDocument,
    LowTrafficDocument,
    TeamHoursDocument,
    freezes,
    low_traffic,
    mistakes_in,
    parse_moment,
)
from bot.domain.hold_events import HoldsSeen, LineStarted, LineStopped
from bot.domain.holds import Asked, Hold, HoldKind
from bot.domain.locks import Announce, Lock, LockLifted, LockLooked, Spread
from bot.domain.people import Actor
from bot.domain.plan_calendar import Calendar, Opening, calendar_of
from bot.domain.plan_sections import CalendarDocument, PreflightDocument, Sections
from bot.domain.rollout import Phase, Rollout
from bot.domain.waiting import LONGEST_SLEEP
from tests.domain import builders as b
from tests.domain.builders import ADA, ARTIFACT, CHECKED, GRACE, NOBODY, NOW, OLD, STALE, step

ALAN = Actor("alan", "U0ALAN", ("product",))
SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def freeze(**fields: Any) -> Freeze:
    (found,) = freezes([document(**fields)])
    return found


def document(**fields: Any) -> FreezeDocument:
    given: dict[str, Any] = {"name": "winter", "reason": "nobody is there", **fields}
    return msgspec.convert(given, FreezeDocument)


def calendar(**openings: Any) -> Calendar:
    return calendar_of(msgspec.convert(openings, CalendarDocument))


TUESDAYS = calendar(
    regular={"every": "2w", "weekday": "tuesday", "anchor": "2026-11-24"},
    hotfix={"any_day": True},
    major={"every": "6w"},
    maintenance={"every": "4w", "weekday": "sunday", "from": "02:00", "until": "04:00"},
)


def asked(calendar: Calendar = TUESDAYS, **fields: Any) -> Asked:
    given: dict[str, Any] = {"service": "checkout", "environment": "production", **fields}
    return Asked(plan=b.plan(calendar=calendar), **given)


# --- freezes --------------------------------------------------------------------------------


def test_a_freeze_counts_on_the_clocks_of_its_zone() -> None:
    winter = freeze(**{"from": "2026-12-19 18:00", "until": "2027-01-04", "zone": "Europe/Berlin"})
    span = Span(datetime(2026, 12, 19, 17, tzinfo=UTC), datetime(2027, 1, 3, 23, tzinfo=UTC))
    assert winter.windows == (span,)
    assert winter.until(span.start) == span.end
    assert winter.until(span.end) is None
    assert winter.until(span.start - timedelta(seconds=1)) is None


def test_a_freeze_that_names_targets_concerns_only_those() -> None:
    on = {"from": "2026-12-19", "until": "2027-01-04"}
    some = freeze(services=["checkout"], environments=["production"], **on)
    assert some.concerns("checkout", "production")
    assert not some.concerns("checkout", "staging")
    assert not some.concerns("payments", "production")
    assert freeze(**on).concerns("anything", "anywhere")


@pytest.mark.parametrize(
    ("weekly", "windows"),
    [
        ({"days": ["friday"], "from": "14:00"}, [(4, 14, 0, 1)]),
        ({"days": ["friday", "saturday"], "from": "22:00", "until": "06:00"},
         [(4, 22, 6, 1), (5, 22, 6, 1)]),
        ({"days": ["friday"], "from": "09:00", "until": "17:00"}, [(4, 9, 17, 0)]),
        ({"from": "friday 15:00", "until": "monday 08:00"}, [(4, 15, 8, 3)]),
        ({"from": "saturday", "until": "monday"}, [(5, 0, 0, 2)]),
        ({"from": "monday 08:00", "until": "monday 07:00"}, [(0, 8, 7, 7)]),
        ({"from": "sunday 10:00", "until": "sunday 24:00"}, [(6, 10, 0, 1)]),
    ],
)  # fmt: skip
def test_a_weekly_freeze_is_read_as_people_write_it(
    weekly: Mapping[str, Any], windows: list[tuple[int, int, int, int]]
) -> None:
    assert freeze(weekly=weekly).windows == tuple(
        Weekly(weekday=day, start=time(start), end=time(end), days=days)
        for day, start, end, days in windows
    )


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({}, "freezes[0]", "is not clear"),
        ({"from": "2026-12-19"}, "freezes[0].until", "is missing"),
        ({"from": "2026-12-19", "until": "soon"}, "freezes[0].until", "is not a moment"),
        ({"from": "2026-12-19", "until": "2026-12-19"}, "freezes[0].until", "is not after"),
        ({"from": "2026-12-19", "until": "2026-12-20", "weekly": {}}, "freezes[0]", "not clear"),
        ({"from": "2026-12-19", "until": "2026-12-20", "zone": "CET+1"}, "freezes[0].zone", "zone"),
        (
            {"from": "2026-12-19", "until": "2026-12-20", "reason": " "},
            "freezes[0].reason",
            "empty",
        ),
        ({"weekly": {"from": "14:00"}}, "freezes[0].weekly.from", "on which day"),
        ({"weekly": {"from": "fryday 14:00"}}, "freezes[0].weekly.from", "is not a weekday"),
        ({"weekly": {"days": ["friday"], "from": "25:00"}}, "freezes[0].weekly.from", "14:00"),
    ],
)
def test_what_is_wrong_with_a_freeze_is_said_with_its_place(
    fields: Mapping[str, Any], place: str, words: str
) -> None:
    with pytest.raises(DocumentError, match=words) as caught:
        freeze(**fields)
    assert str(caught.value).startswith(place)


def test_a_freeze_of_something_unknown_is_a_mistake() -> None:
    on = {"from": "2026-12-19", "until": "2026-12-20"}
    found = document(services=["chekout"], environments=["prod"], **on)
    errors = list(mistakes_in([found], {"checkout": ["production"]}))
    assert [(e.problem, e.hint) for e in errors] == [
        ("there is no service 'chekout'", "did you mean 'checkout'?"),
        ("there is no environment 'prod'", "known here: production"),
    ]
    twice = list(mistakes_in([document(**on), document(**on)], {}))
    assert "used twice" in twice[0].problem


@pytest.mark.requirement("C-120")
def test_low_traffic_is_every_day_unless_days_are_named() -> None:
    written = LowTrafficDocument(from_="22:00", until="06:00", zone="Europe/Berlin")
    windows = low_traffic(written, ())
    assert len(windows) == 7
    assert holds.quiet_hours(windows, SATURDAY).endswith("t[1795294800]")
    assert holds.quiet_hours(windows, SATURDAY.replace(hour=23)) == ""
    assert "set `low_traffic`" in holds.quiet_hours((), SATURDAY)


OFFICE = low_traffic(TeamHoursDocument(days=WEEKDAYS[:5], from_="09:00", until="17:00"), ())
MONDAY_9 = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def asked_with(team: str, *windows: Weekly, **fields: Any) -> Asked:
    """A release by a plan that wants the team there, and has these openings."""
    calendar = Calendar({"regular": Opening("then", windows)} if windows else {}, team=team)
    plan = b.plan(calendar=calendar)
    return Asked(service="checkout", environment="production", plan=plan, team=OFFICE, **fields)


@pytest.mark.requirement("C-121")
def test_a_release_waits_until_the_team_is_there_where_the_plan_requires_that() -> None:
    ahead = holds.forecast(asked_with("require"), (), SATURDAY)
    (hold,) = ahead.holds
    assert (hold.kind, hold.until, ahead.opens_at) == (HoldKind.TEAM, MONDAY_9, MONDAY_9)
    assert "the team is not there" in hold.text
    assert holds.forecast(asked_with("require"), (), MONDAY_9).free
    assert holds.forecast(asked_with("prefer"), (), SATURDAY).free
    assert holds.passable("hotfix", ahead.holds) == "the hours of the team"
    assert holds.forecast(asked_with("require", exempt=True), (), SATURDAY).free


@pytest.mark.requirement("C-121")
def test_where_the_plan_prefers_the_team_people_are_told() -> None:
    said = holds.team_hours("prefer", OFFICE, SATURDAY)
    assert said == f"the team is not there before {holds.moment(MONDAY_9)}"
    assert holds.team_hours("prefer", OFFICE, MONDAY_9) == ""
    assert holds.team_hours("", OFFICE, SATURDAY) == ""
    assert "set `team_hours`" in holds.team_hours("prefer", (), SATURDAY)


def test_the_opening_and_the_hours_of_the_team_both_have_to_fit() -> None:
    sunday = Weekly(weekday=6, start=time(9), end=time(17))
    never = holds.forecast(asked_with("require", sunday), (), SATURDAY)
    assert never.opens_at is None
    early = Weekly(weekday=1, start=time(6), end=time(12))
    both = holds.forecast(asked_with("require", early), (), SATURDAY)
    assert both.opens_at == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    ill = freeze(**{"from": "2026-11-24", "until": "2026-11-25"})
    later = holds.opening(asked_with("require"), (ill,), (), MONDAY_9.replace(day=24))
    assert later == datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def test_a_moment_with_an_offset_of_its_own_needs_no_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_moment("2026-12-19T18:00Z", berlin) == datetime(2026, 12, 19, 18, tzinfo=UTC)
    assert parse_moment("2026-12-19T18:00-05:00", berlin) == datetime(2026, 12, 19, 23, tzinfo=UTC)
    assert parse_moment("2026-12-19 18:00", berlin) == datetime(2026, 12, 19, 17, tzinfo=UTC)


# --- the calendar of a plan -----------------------------------------------------------------


def held_by(asked: Asked, at: datetime, *freezes: Freeze) -> list[HoldKind]:
    return [hold.kind for hold in holds.planned(asked, freezes, at)]


def test_ordinary_releases_begin_on_every_second_tuesday() -> None:
    outlook = holds.forecast(asked(), [], SATURDAY)
    assert outlook.opens_at == datetime(2026, 11, 24, tzinfo=UTC)
    assert "every 2 weeks on Tuesday" in outlook.holds[0].text
    tuesday = datetime(2026, 11, 24, 23, 59, tzinfo=UTC)
    assert holds.forecast(asked(), [], tuesday) == holds.Outlook(opens_at=tuesday)
    after = holds.forecast(asked(kind="feature"), [], tuesday + timedelta(minutes=1))
    assert after.opens_at == datetime(2026, 12, 8, tzinfo=UTC)


def test_a_hotfix_begins_on_any_day_where_the_calendar_says_so() -> None:
    assert held_by(asked(kind="hotfix"), SATURDAY) == []
    only_tuesdays = calendar(regular={"weekday": "tuesday"})
    assert held_by(asked(only_tuesdays, kind="hotfix"), SATURDAY) == [HoldKind.CALENDAR]


def test_a_major_release_begins_on_every_third_of_the_regular_days() -> None:
    at = SATURDAY
    days = []
    for _ in range(2):
        opens = holds.forecast(asked(kind="major"), [], at).opens_at
        assert opens is not None
        days.append(opens)
        at = opens + DAY
    assert days == [datetime(2026, 11, 24, tzinfo=UTC), datetime(2027, 1, 5, tzinfo=UTC)]


def test_maintenance_waits_for_its_window_and_nothing_else_begins_in_it() -> None:
    night = asked(labels=("maintenance",))
    opens = holds.forecast(night, [], SATURDAY).opens_at
    assert opens is not None
    assert (opens.weekday(), opens.hour) == (6, 2)
    assert held_by(night, opens + timedelta(hours=1, minutes=59)) == []
    assert held_by(night, opens + timedelta(hours=2)) == [HoldKind.CALENDAR]
    assert held_by(asked(), opens) == [HoldKind.CALENDAR]


def test_where_an_artifact_has_to_have_been_first_it_may_go_on_any_day() -> None:
    first = Sections(preflight=PreflightDocument(promote_from="staging"))
    plan = b.plan(calendar=TUESDAYS, sections=first)
    staging = Asked(service="checkout", environment="staging", plan=plan)
    production = Asked(service="checkout", environment="production", plan=plan)
    assert held_by(staging, SATURDAY) == []
    assert held_by(production, SATURDAY) == [HoldKind.CALENDAR]


def test_a_plan_without_a_calendar_begins_on_any_day() -> None:
    assert held_by(asked(Calendar()), SATURDAY) == []


@pytest.mark.parametrize(
    ("opening", "words"),
    [
        ({}, "does not say when"),
        ({"weekday": "tuesday", "any_day": True}, "any day, and which days"),
        ({"every": "3d"}, "not a number of weeks"),
        ({"every": "0w"}, "not a number of weeks"),
        ({"weekday": "tuesday", "tz": "Berlin"}, "not a time zone"),
        ({"weekday": "tuesday", "anchor": "2026-02-30"}, "no day"),
    ],
)
def test_what_is_wrong_with_a_calendar_is_said_with_its_place(
    opening: Mapping[str, Any], words: str
) -> None:
    with pytest.raises(DocumentError, match=words) as caught:
        calendar(regular=opening)
    assert str(caught.value).startswith("calendar.regular")


def test_a_freeze_over_a_tuesday_waits_for_the_next_one() -> None:
    over = freeze(**{"from": "2026-11-23", "until": "2026-11-26"})
    outlook = holds.forecast(asked(), [over], SATURDAY)
    assert [hold.kind for hold in outlook.holds] == [HoldKind.CALENDAR]
    assert outlook.opens_at == datetime(2026, 12, 8, tzinfo=UTC)


def test_when_it_opens_is_unknown_as_long_as_something_has_no_end() -> None:
    stop = Hold(HoldKind.STOP, "the line is stopped")
    until = SATURDAY + timedelta(hours=3)
    lock = Hold(HoldKind.LOCK, "checkout is locked", until)
    free = asked(Calendar())
    assert holds.opening(free, [], [stop, lock], SATURDAY) is None
    assert holds.opening(free, [], [lock], SATURDAY) == until
    night = freeze(weekly={"days": ["saturday"], "from": "14:00", "until": "20:00"})
    assert holds.opening(free, [night], [lock], SATURDAY) == SATURDAY.replace(hour=20)
    exempt = asked(exempt=True)
    assert holds.opening(exempt, [night], [lock], SATURDAY) == until


def test_many_reasons_are_told_by_the_first_and_their_number() -> None:
    one, two = Hold(HoldKind.LOCK, "locked"), Hold(HoldKind.FREEZE, "frozen", NOW)
    assert holds.in_words([]) == ""
    assert holds.in_words([one]) == "locked"
    assert holds.in_words([one, two]) == "locked (and 1 more reason)"
    assert holds.on([one, two], NOW) == (one,)


# --- locks ----------------------------------------------------------------------------------


def lock(**fields: Any) -> Lock:
    given: dict[str, Any] = {
        "id": "l1", "reason": "the database moves", "set_by": GRACE, "created_at": NOW,
        "service": "checkout", **fields,
    }  # fmt: skip
    begun, _ = locks.begin(Lock(**given))
    return begun


def test_whoever_holds_a_role_locks_even_when_slack_is_down() -> None:
    assert locks.refusal_to_set(STALE) is None
    assert "no role" in (locks.refusal_to_set(NOBODY) or "")


def test_a_lock_is_lifted_by_who_set_it_or_by_a_role_known_now() -> None:
    by_nobody = lock(set_by=NOBODY)
    assert locks.refusal_to_lift(by_nobody, NOBODY) is None
    assert locks.refusal_to_lift(by_nobody, ADA) is None
    assert "right now" in (locks.refusal_to_lift(lock(), STALE) or "")
    assert "set by @[grace]" in (locks.refusal_to_lift(lock(), NOBODY) or "")
    assert locks.decide(lock(), LockLifted(NOBODY), NOW) == (lock(), ())


def test_a_lock_that_is_lifted_says_so_and_stays_lifted() -> None:
    lifted, effects = locks.decide(lock(), LockLifted(ADA, "it has moved"), NOW)
    assert (lifted.phase, lifted.ended_at, lifted.on) == (locks.LIFTED, NOW, False)
    spread, announce = effects
    assert spread == Spread(ADA)
    assert isinstance(announce, Announce)
    assert "@[ada] unlocked checkout: it has moved." in announce.text
    assert locks.decide(lifted, LockLifted(GRACE), NOW) == (lifted, ())
    assert locks.decide(lifted, LockLooked(), NOW) == (lifted, ())


def test_a_lock_expires_at_its_end_and_not_before() -> None:
    until = NOW + timedelta(hours=2)
    set_ = lock(until=until)
    assert set_.next_check_at == until
    assert locks.decide(set_, LockLooked(), until - timedelta(seconds=1)) == (set_, ())
    expired, effects = locks.decide(set_, LockLooked(), until)
    assert expired.phase == locks.EXPIRED
    assert any(isinstance(e, Announce) and "has expired" in e.text for e in effects)


def test_a_stopped_line_is_swept_again_and_again() -> None:
    stop = lock(service="", line=True)
    assert stop.next_check_at == NOW + locks.AGAIN
    swept, effects = locks.decide(stop, LockLooked(), NOW + locks.AGAIN)
    assert swept.next_check_at == NOW + 2 * locks.AGAIN
    assert effects == (Spread(GRACE),)
    assert holds.HoldKind.STOP is locks.hold_of(stop).kind


def test_a_lock_concerns_what_it_names() -> None:
    assert lock().concerns("checkout", "staging")
    assert not lock().concerns("payments", "production")
    assert not lock(environment="production").concerns("checkout", "staging")
    assert lock(service="").concerns("payments", "production")


# --- a release that waits -------------------------------------------------------------------

FROZEN = Hold(HoldKind.FREEZE, "freeze winter: nobody is there", NOW + 2 * DAY, "winter")
LOCKED = Hold(HoldKind.LOCK, "checkout is locked", None, "l1")
BUSY = Hold(HoldKind.TARGET, "waiting for v1.1.0 to finish", None, "r0")
THREE = {"ada": ("security",), "grace": ("operations",), "alan": ("product",)}


def checked(*found: Hold, opens_at: datetime | None = None, **fields: Any) -> ExecutionChecked:
    text = holds.in_words(found)
    return msgspec.structs.replace(
        CHECKED, free=not found, blocker=text, holds=found, opens_at=opens_at, **fields
    )


def of_type(kind: str, rollout: Rollout) -> Rollout:
    return msgspec.structs.replace(rollout, type=kind)


def test_a_release_sleeps_until_it_opens() -> None:
    soon = NOW + timedelta(minutes=3)
    held = step(b.queued(), checked(LOCKED, opens_at=soon))
    assert (held.phase, held.opens_at, held.next_check_at) == (Phase.QUEUED, soon, soon)
    later = step(b.queued(), checked(FROZEN, opens_at=FROZEN.until))
    assert later.next_check_at == NOW + LONGEST_SLEEP
    busy = step(b.queued(), checked(BUSY))
    assert busy.next_check_at is not None
    assert busy.next_check_at < NOW + timedelta(minutes=1)


def test_a_release_that_sleeps_wakes_when_its_signatures_end() -> None:
    queued = b.queued()
    assert queued.request is not None
    almost = queued.request.expires_at - timedelta(minutes=1)
    held, _ = decide(queued, checked(FROZEN, opens_at=FROZEN.until), almost)
    assert held.next_check_at == queued.request.expires_at
    over, _ = decide(held, checked(FROZEN), queued.request.expires_at)
    assert over.phase is Phase.EXPIRED


def test_what_holds_it_is_said_once() -> None:
    held, effects = decide(b.queued(), checked(LOCKED, FROZEN), NOW)
    assert held.reason == "checkout is locked (and 1 more reason)"
    assert PostThread(f"Held: {held.reason}.") in effects
    assert decide(held, checked(LOCKED, FROZEN), NOW)[1] == ()
    begun = step(held, CHECKED)
    assert (begun.phase, begun.holds) == (Phase.PREPARING, ())


def test_a_hotfix_passes_a_freeze_when_one_more_person_signs() -> None:
    queued = of_type("hotfix", b.queued())
    waiting, effects = decide(queued, checked(FROZEN, opens_at=FROZEN.until), NOW)
    assert waiting.phase is Phase.AWAITING_APPROVAL
    assert AskSigners("release") in effects
    assert "the freeze winter" in waiting.reason
    assert waiting.request is not None
    assert waiting.request.missing == ("*",)
    again = step(waiting, b.signed(ADA, waiting))
    assert again.phase is Phase.AWAITING_APPROVAL
    third = step(waiting, b.signed(ALAN, waiting))
    assert third.phase is Phase.QUEUED
    assert step(third, checked(roles=THREE)).phase is Phase.PREPARING
    assert step(third, checked(FROZEN, roles=THREE)).phase is Phase.QUEUED


def test_a_hotfix_that_is_frozen_from_the_start_asks_for_everybody_at_once() -> None:
    fresh = of_type("hotfix", b.fresh())
    waiting = step(fresh, PreflightPassed(ARTIFACT, OLD, "q1", holds=(FROZEN,)))
    assert waiting.request is not None
    assert len(waiting.request.seats) == 3
    assert waiting.holds == (FROZEN,)
    for person in (ADA, GRACE):
        waiting = step(waiting, b.signed(person, waiting))
    assert waiting.phase is Phase.AWAITING_APPROVAL


def test_a_hotfix_never_passes_a_lock_or_a_stopped_line() -> None:
    fresh = of_type("hotfix", b.fresh())
    waiting = step(fresh, PreflightPassed(ARTIFACT, OLD, "q1", holds=(LOCKED,)))
    assert waiting.request is not None
    assert len(waiting.request.seats) == 2
    held = step(of_type("hotfix", b.queued()), checked(LOCKED))
    assert (held.phase, held.reason) == (Phase.QUEUED, "checkout is locked")


def test_no_other_type_passes_a_freeze() -> None:
    for kind in ("", "feature", "major"):
        held = step(of_type(kind, b.queued()), checked(FROZEN))
        assert held.phase is Phase.QUEUED
        assert held.exemption == ""


def test_the_further_signature_is_asked_again_when_the_artifact_changes() -> None:
    waiting = step(of_type("hotfix", b.queued()), checked(FROZEN))
    third = step(waiting, b.signed(ALAN, waiting))
    other = step(third, checked(artifact="sha256:" + "b" * 64))
    assert other.phase is Phase.AWAITING_APPROVAL
    assert other.request is not None
    assert (len(other.request.seats), other.request.signatures) == (3, ())


def test_a_release_that_is_asked_for_learns_what_has_changed() -> None:
    waiting = b.awaiting()
    held, effects = decide(waiting, HoldsSeen((LOCKED,), None), NOW)
    assert held.holds == (LOCKED,)
    assert effects
    assert decide(held, HoldsSeen((LOCKED,), None), NOW) == (held, ())
    assert decide(b.soaking(), HoldsSeen((LOCKED,), None), NOW) == (b.soaking(), ())


# --- the line -------------------------------------------------------------------------------

STOPPED = LineStopped(GRACE, "The line is stopped by @[grace]: smoke")


@pytest.mark.parametrize(
    "phase",
    [
        Phase.PREPARING,
        Phase.SHIFTING,
        Phase.SOAKING,
        Phase.JUDGING,
        Phase.PROMOTING,
        Phase.WATCHING,
    ],
)
def test_whatever_goes_up_by_itself_is_paused_and_resumed_by_a_person_alone(phase: Phase) -> None:
    paused = step(b.in_phase(phase), STOPPED)
    assert (paused.phase, paused.paused_from) == (Phase.PAUSED, phase)
    told, effects = decide(paused, ResumeRequested(ADA), NOW)
    assert told == paused
    assert [type(effect) for effect in effects] == [Whisper]
    assert decide(paused, STOPPED, NOW) == (paused, ())
    running = step(paused, LineStarted(GRACE))
    assert (running.phase, running.stopped) == (Phase.PAUSED, "")
    assert step(running, ResumeRequested(ADA)).phase is not Phase.PAUSED


@pytest.mark.parametrize("phase", [Phase.PAUSED, Phase.HALTED, Phase.STEPPING_BACK])
def test_what_stands_already_is_not_resumed_before_the_line_runs(phase: Phase) -> None:
    stopped = step(b.in_phase(phase), STOPPED)
    assert stopped.phase is phase
    if phase is not Phase.STEPPING_BACK:
        _, effects = decide(stopped, ResumeRequested(ADA), NOW)
        assert [type(effect) for effect in effects] == [Whisper]


def test_what_goes_back_goes_back_on_a_stopped_line() -> None:
    back = b.rolling_back()
    assert decide(back, STOPPED, NOW) == (back, ())
    paused = step(b.soaking(), STOPPED)
    broken, effects = decide(paused, HookFired("data_corruption", "rows are missing", "pause"), NOW)
    assert broken.phase is Phase.ROLLING_BACK
    assert isinstance(effects[0], SwitchBack)
