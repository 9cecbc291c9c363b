"""The sections of a plan file around its waves: before them, after them, and when things go wrong.

Each is here as it is written. What a section means is the business of the module that carries it
out; that module also refuses, at load time, what the types can't (see `bot.domain.plan_compile`).
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bot.domain.incident_terms import IncidentDocument
from bot.domain.plan_terms import (
    Closed,
    ConditionDocument,
    Duration,
    Name,
    NameOrNone,
    Percent,
    Slug,
)
from bot.domain.recurring import RecurringDocument

TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Date = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Day = Annotated[str, Meta(pattern=r"^day [1-9][0-9]{0,2}$")]
Offset = Annotated[str, Meta(pattern=r"^[+-][0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)$")]
Within = Annotated[str, Meta(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)|next_business_day)$")]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

Step = str | Mapping[Name, str]
"""One thing to do: a word, or a word with what it is done to, as in `drain: 30s`."""


class PlaceDocument(Closed, frozen=True, kw_only=True):
    """Where an environment differs: limits of conditions by their id, and what is full (100 %) of a
    metric by its name."""

    limits: Mapping[Slug, str] = {}
    full: Mapping[Name, Annotated[float, Meta(gt=0)]] = {}


# --- within a wave --------------------------------------------------------------------------


class RampDocument(Closed, frozen=True, kw_only=True):
    """The way to the wave's traffic: `step` more every `every`, instead of all at once."""

    step: Percent
    every: Duration


class MeetingDocument(Closed, frozen=True, kw_only=True):
    """When the people of a wave meet: at a time of the day in the plan's zone, or every so often
    from the wave's beginning."""

    at: TimeOfDay | Literal[""] = ""
    every: Duration | Literal[""] = ""
    what: str = ""
    who: tuple[str, ...] = ()


# --- before anything moves ------------------------------------------------------------------


class ItemDocument(Closed, frozen=True, kw_only=True):
    """An item of a checklist.

    by: roles that may tick it; check: a command that ticks it, or one that the bot has built in;
    value: a number has to be given with it, and to hold, as in `>= 95%`; figure: which number of
    those that the check prints (see `bot.domain.figures`); ask: words that have to be
    given with it, as in `its id`; live_for: how long the same artifact has to have been live where
    it is promoted from; seat: it ticks itself when that seat is signed; wave: it ticks itself when
    that wave has passed.
    """

    id: Slug
    text: Annotated[str, Meta(min_length=1)]
    by: tuple[Name, ...] = ()
    check: Name | Literal[""] = ""
    optional: bool = False
    value: str = ""
    figure: NameOrNone = ""
    ask: str = ""
    live_for: Duration | Literal[""] = ""
    seat: Name | Literal[""] = ""
    wave: Slug | Literal[""] = ""


class ChecklistDocument(Closed, frozen=True, kw_only=True):
    """Items to be ticked. due: how long before the release, as in -14d; by: roles for all items."""

    title: str = ""
    due: Offset | Literal[""] = ""
    by: tuple[Name, ...] = ()
    items: tuple[ItemDocument, ...] = ()


class ReviewsDocument(Closed, frozen=True, kw_only=True):
    min: Annotated[int, Meta(ge=1, le=20)]


class PreflightDocument(Closed, frozen=True, kw_only=True):
    """What is done before anybody signs.

    stages: in this order, each confirmed; checklists: of the plan's, by name; reviews: of the code;
    pass_rate: how many of the required items have to be ticked; promote_from: the environment in
    which the same artifact has to be live, or have been, first.
    """

    stages: tuple[Name, ...] = ()
    checklists: tuple[Slug, ...] = ()
    reviews: ReviewsDocument | None = None
    pass_rate: Percent = "100%"  # noqa: S105 - a share, not a password
    promote_from: NameOrNone = ""


class VersionDocument(Closed, frozen=True, kw_only=True):
    """How versions and tags are spelt.

    prerelease: first words allowed; prerelease_most: the largest share of production that one of
    them may have; build: what build metadata stands for; increment: how often each number is
    raised, as in weekly or 6w; initial: the first version.
    """

    format: Literal["semver", "major.minor.patch"] = "semver"
    prerelease: tuple[str, ...] | None = None
    prerelease_most: Percent | Literal[""] = ""
    build: str = ""
    tag: str = "v{version}"
    tag_message: str = ""
    backup_tag: str = ""
    increment: Mapping[Literal["major", "minor", "patch"], str] = {}
    initial: str = ""


class LoadDocument(Closed, frozen=True, kw_only=True):
    """A part of the load test, for the command that runs it.

    users: at the same time, one after the other where there are several; times: as much traffic as
    usual; for: each; recover: how soon it has to be as before.
    """

    id: Slug
    users: tuple[Annotated[int, Meta(ge=1)], ...] = ()
    times: Annotated[float, Meta(gt=0)] | None = None
    for_: Duration = msgspec.field(name="for")
    recover: Duration | Literal[""] = ""


# --- when it may begin ----------------------------------------------------------------------


class OpeningDocument(Closed, frozen=True, kw_only=True):
    """When releases of one type begin: on a weekday, every so many weeks from `anchor`.

    from: and until: times of the day in `tz`; a window may run over midnight.
    """

    every: Duration | Literal[""] = ""
    weekday: Weekday | Literal[""] = ""
    from_: TimeOfDay | Literal[""] = msgspec.field(default="", name="from")
    until: TimeOfDay | Literal[""] = ""
    tz: str = "UTC"
    anchor: Date | Literal[""] = ""
    any_day: bool = False


class CalendarDocument(Closed, frozen=True, kw_only=True):
    """team: whether a release begins only while the team is there, or people are told otherwise."""

    regular: OpeningDocument | None = None
    hotfix: OpeningDocument | None = None
    major: OpeningDocument | None = None
    maintenance: OpeningDocument | None = None
    prefer: Literal["low_traffic", ""] = ""
    team: Literal["prefer", "require", ""] = ""


class TimetableDocument(Closed, frozen=True, kw_only=True):
    """Something that happens around the first day of a release whose day is set.

    day: 0 is the first day of its traffic, -1 the day before. at: a time of the day in the plan's
    zone; 09:00 unless said otherwise. by: roles that say that it is done.
    """

    day: Annotated[int, Meta(ge=-60, le=60)]
    at: TimeOfDay | Literal[""] = ""
    what: Annotated[str, Meta(min_length=1)]
    by: tuple[Name, ...] = ()


# --- when things go wrong -------------------------------------------------------------------


class BudgetDocument(Closed, frozen=True, kw_only=True):
    """How long each part of a rollback may take, and all of it from the detection on."""

    detect: Duration | Literal[""] = ""
    decide: Duration | Literal[""] = ""
    execute: Duration | Literal[""] = ""
    verify: Duration | Literal[""] = ""
    total: Duration | Literal[""] = ""


class RollbackDocument(Closed, frozen=True, kw_only=True):
    """What is done around a rollback, in this order.

    auto: when the bot goes back by itself; manual: when a person asks for it; waves: what people do
    about a breach in that wave; elsewhere: what they look at when the release is not the cause;
    after: once the traffic is back; notify: who is told.
    """

    auto: tuple[Step, ...] = ()
    manual: tuple[Step, ...] = ()
    waves: Mapping[Slug, tuple[Step, ...]] = {}
    elsewhere: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    notify: tuple[Step, ...] = ()
    budget: BudgetDocument = BudgetDocument()


class TimerDocument(Closed, frozen=True, kw_only=True):
    """A clock: `within` after `when` happened, `due` has to be done.

    within: a duration, or next_business_day.
    """

    when: str
    within: Within
    due: Name
    by: tuple[Name, ...] = ()


class LevelDocument(Closed, frozen=True, kw_only=True):
    """What a metric should be, and where it warns and where it is critical, as in `> 5%`.

    Each is judged over `window`. Warning and critical are alerts; act: the advice that goes with
    them.
    """

    target: str = ""
    warning: str = ""
    critical: str = ""
    window: Duration = "1m"
    act: str = ""


# --- after 100 % ----------------------------------------------------------------------------


class AfterDocument(Closed, frozen=True, kw_only=True):
    """Something that goes on, or falls due, after the release.

    after: when it falls due; for, every: how long it goes on and how often people hear of it; look:
    how often the numbers are looked at meanwhile; people hear at once of a bad one. if_stable,
    else: what is done then; then: what has been reached at its end.
    """

    id: Name
    after: Duration | Literal[""] = ""
    for_: Duration | Literal[""] = msgspec.field(default="", name="for")
    every: Duration | Literal[""] = ""
    look: Duration | Literal[""] = ""
    if_stable: str = ""
    else_: str = msgspec.field(default="", name="else")
    then: str = ""


class VerifyDocument(Closed, frozen=True, kw_only=True):
    """What is looked at in a stretch of time after 100 %."""

    id: Name
    from_: Duration = msgspec.field(name="from")
    until: Duration
    items: tuple[ConditionDocument, ...] = ()


class SignoffDocument(Closed, frozen=True, kw_only=True):
    """What people confirm some time after 100 %, and what the release is from then on."""

    id: Name
    after: Duration
    until: Duration | Literal[""] = ""
    by: tuple[Name, ...] = ()
    items: tuple[ConditionDocument, ...] = ()
    then: str = ""


# --- words that go out ----------------------------------------------------------------------


class StandupDocument(Closed, frozen=True, kw_only=True):
    time: TimeOfDay
    tz: str
    attendees: tuple[Name, ...] = ()
    agenda: tuple[str, ...] = ()
    decisions: tuple[Name, ...] = ()


class CommDocument(Closed, frozen=True, kw_only=True):
    """Words that are due at a time relative to the release, or when something happens.

    when: wave (each of them, the end and a rollback), end, rollback, or the id of a wave. to: for
    whom inside the house, as `notices: audiences:` names them; customers unless somebody is named.
    """

    at: Offset | Literal[""] = ""
    when: str = ""
    send: tuple[str, ...] = ()
    to: NameOrNone = ""


class ShiftDocument(Closed, frozen=True, kw_only=True):
    """By what the traffic is moved: weights of a load balancer, or a feature flag.

    sticky: by what somebody is kept on one side; backup: what moves the traffic where the deployer
    turns no flag; needs: what the deployer has to be able to do for a release to begin.
    """

    by: Literal["weight", "feature_flag"] = "weight"
    flag: str = ""
    sticky: str = ""
    backup: str = ""
    needs: tuple[Literal["audience", "flag", "sticky"], ...] = ()


class DashboardDocument(Closed, frozen=True, kw_only=True):
    """Where people look.

    every: how old the numbers of the card may get; buttons: that it is expected to have (it has all
    that are legal); url: of another dashboard, in which {service}, {environment} and {version} are
    filled in.
    """

    every: Duration | Literal[""] = ""
    buttons: tuple[Name, ...] = ()
    url: Annotated[str, Meta(pattern=r"^(https?://[^\s<>|]+)?$")] = ""


class Sections(msgspec.Struct, frozen=True, kw_only=True):
    """The sections of a plan as they were written, for the modules that carry them out."""

    preflight: PreflightDocument = PreflightDocument()
    checklists: Mapping[str, ChecklistDocument] = {}
    load_test: tuple[LoadDocument, ...] = ()
    types: Mapping[str, tuple[str, ...]] = {}
    labels: Mapping[str, tuple[str, ...]] = {}
    calendar: CalendarDocument = CalendarDocument()
    rollback: RollbackDocument = RollbackDocument()
    timers: tuple[TimerDocument, ...] = ()
    levels: Mapping[str, LevelDocument] = {}
    targets: Mapping[str, tuple[str, ...]] = {}
    after: tuple[AfterDocument, ...] = ()
    verify: tuple[VerifyDocument, ...] = ()
    signoffs: tuple[SignoffDocument, ...] = ()
    incident: IncidentDocument | None = None
    standup: StandupDocument | None = None
    comms: tuple[CommDocument, ...] = ()
    channels: Mapping[str, str] = {}
    templates: Mapping[str, str] = {}
    records: Mapping[str, str] = {}
    version: VersionDocument = VersionDocument()
    shift: ShiftDocument = ShiftDocument()
    dashboard: DashboardDocument | None = None
    intervals: Mapping[str, str] = {}
    branches: Mapping[str, str] = {}
    unsigned: tuple[str, ...] = ()
    success: tuple[str, ...] = ()
    dora: tuple[str, ...] = ()
    recurring: tuple[RecurringDocument, ...] = ()
    timetable: tuple[TimetableDocument, ...] = ()
    teams: Mapping[str, tuple[str, ...]] = {}
    dashboards: Mapping[str, tuple[str, ...]] = {}
    report: Mapping[str, str] = {}
