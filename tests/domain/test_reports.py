"""What is reported from outside: remembered once, counted by plans, and never a way up."""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest

from bot.domain.aftermath import Warn
from bot.domain.breaches import LOUD
from bot.domain.conditions import Action, Condition
from bot.domain.decisions import decide
from bot.domain.duties import EndDuties, StartDuty
from bot.domain.events import Effect, HookFired, Page, PostThread, SwitchBack
from bot.domain.people import Actor
from bot.domain.plan_sections import Sections, TimerDocument
from bot.domain.reports import (
    KEPT,
    Report,
    alarms,
    merged,
    note,
    open_of,
    reports_of,
    snake,
)
from bot.domain.rollout import Phase, Rollout
from tests.domain import builders as b
from tests.domain.builders import ADA, NOBODY, NOW, step

MINUTE = timedelta(minutes=1)
FROM_OUTSIDE = Actor("countersign", via="hook")


def alarm(**fields: Any) -> HookFired:
    """An alert HighErrorRate that fires."""
    usual: dict[str, Any] = {
        "name": "HighErrorRate",
        "detail": "12 % fail",
        "do": "pause",
        "source": "alarm",
        "id": "f1",
        "level": "critical",
        "at": NOW,
        "actor": FROM_OUTSIDE,
    }
    return HookFired(**(usual | fields))


def report(kind: str = "escalation", id_: str = "r1", **fields: Any) -> HookFired:
    return HookFired(kind, "", "notify", source="report", id=id_, at=NOW, actor=NOBODY, **fields)


def said(effects: tuple[Effect, ...]) -> str:
    return " ".join(effect.text for effect in effects if isinstance(effect, PostThread))


def pages(effects: tuple[Effect, ...]) -> list[str]:
    return [effect.text for effect in effects if isinstance(effect, Page)]


# --- remembered once --------------------------------------------------------------------------


def test_an_alert_acts_once_until_it_fires_anew() -> None:
    held = step(b.soaking(), alarm())
    assert held.phase is Phase.PAUSED
    assert decide(held, alarm(), NOW + MINUTE) == (held, ())
    over = step(held, alarm(open=False), NOW + MINUTE)
    assert decide(over, alarm(), NOW + 2 * MINUTE) == (over, ())
    _, effects = decide(over, alarm(at=NOW + 3 * MINUTE), NOW + 3 * MINUTE)
    assert "Alert HighErrorRate (critical) fires: 12 % fail." in said(effects)


def test_whatever_the_order_an_alert_that_is_over_does_not_fire() -> None:
    later = NOW + MINUTE
    states = [
        Report("up", "f1", NOW),
        Report("up", "f1", NOW, open=False),
        Report("up", "f1", later),
        Report("up", "f1", later, open=False),
    ]
    for order in permutations(states):
        (left,) = merged((), order)
        assert left == states[-1]


def test_the_end_of_something_unheard_of_is_remembered_and_is_no_news() -> None:
    start = b.soaking()
    after, effects = decide(start, alarm(open=False), NOW)
    assert effects == ()
    assert after.phase is Phase.SOAKING
    assert decide(after, alarm(), NOW) == (after, ())  # the beginning, which comes in late


def test_a_rollout_remembers_so_many_reports_and_forgets_first_what_is_over() -> None:
    kept: tuple[Report, ...] = (Report("up", "over", NOW, open=False),)
    for number in range(KEPT):
        kept = note(kept, Report("up", f"f{number}", NOW)).reports
    assert len(kept) == KEPT
    assert all(each.open for each in kept)
    assert note(kept, Report("up", "one more", NOW)).reports[-1].id == "one more"


def test_a_rollout_written_before_there_were_reports_has_none() -> None:
    row = msgspec.json.encode(msgspec.structs.replace(b.soaking(), plan=None))
    assert b"reports" not in row
    assert msgspec.json.decode(row, type=Rollout).reports == ()


# --- what plans count -------------------------------------------------------------------------


def test_plans_count_what_holds() -> None:
    rollout = b.soaking()
    for event in (
        alarm(do="notify"),
        alarm(do="notify", id="f2", level="warning"),
        report(),
        report(id_="r2"),
        report("customer_issue", "r3"),
        HookFired("critical", "", "notify", source="incident", id="i1"),
    ):
        rollout = step(rollout, event)
    assert (alarms(rollout), alarms(rollout, "critical")) == (2, 1)
    assert (reports_of(rollout, "escalation"), reports_of(rollout, "customer_issue")) == (2, 1)
    assert (open_of(rollout, "critical"), open_of(rollout, "escalation")) == (1, 0)
    assert reports_of(rollout, "critical") == 0
    assert rollout.phase is Phase.SOAKING
    rollout = step(rollout, alarm(open=False))
    rollout = step(rollout, report(open=False))
    assert (alarms(rollout), reports_of(rollout, "escalation")) == (1, 1)


def test_a_report_is_looked_at_at_once() -> None:
    resting = msgspec.structs.replace(b.soaking(), next_check_at=NOW + MINUTE)
    assert step(resting, report()).next_check_at == NOW


def test_what_held_before_anything_moved_counts_and_is_said() -> None:
    known = (
        Report("DiskFull", "f1", NOW, source="alarm", level="warning"),
        Report("Gone", "f2", NOW, open=False, source="alarm"),
    )
    checked = msgspec.structs.replace(b.CHECKED, reports=known)
    begun, effects = decide(b.queued(), checked, NOW)
    assert alarms(begun) == 1
    assert "Before anything moved: DiskFull (warning)." in said(effects)
    assert decide(begun, alarm(id="f1"), NOW) == (begun, ())


# --- what a report does -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("do", "phase"),
    [("rollback", Phase.ROLLING_BACK), ("pause", Phase.PAUSED), ("notify", Phase.SOAKING)],
)
def test_an_alert_does_what_it_is_made_for(do: str, phase: Phase) -> None:
    after, effects = decide(b.soaking(), alarm(do=do), NOW)
    assert after.phase is phase
    assert pages(effects)  # it is critical


def test_a_warning_is_said_and_wakes_nobody() -> None:
    _, effects = decide(b.soaking(), alarm(do="notify", level="warning"), NOW)
    assert said(effects) == "Alert HighErrorRate (warning) fires: 12 % fail."
    assert not pages(effects)


def test_a_plan_speaks_of_alerts_by_their_names_too() -> None:
    rule = Condition(id="errors", kind="event", text="high_error_rate", do=Action.ROLLBACK)
    after = step(b.soaking(b.plan(triggers=(rule,))), alarm(do="notify"))
    assert after.phase is Phase.ROLLING_BACK


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("HighErrorRate", "high_error_rate"),
        ("CheckoutHTTPErrors", "checkout_http_errors"),
        ("disk full (node 7)", "disk_full_node_7"),
        ("p99Latency", "p99_latency"),
    ],
)
def test_the_name_of_an_alert_can_be_written_in_a_plan(name: str, written: str) -> None:
    assert snake(name) == written


def test_that_an_alert_is_over_is_said_and_lets_nothing_rise() -> None:
    held = step(b.soaking(), alarm())
    after, effects = decide(held, alarm(open=False), NOW + MINUTE)
    assert after.phase is Phase.PAUSED
    assert "Alert HighErrorRate (critical) is over" in said(effects)


def test_what_is_over_does_nothing_any_more() -> None:
    going = step(b.soaking(), alarm(do="notify"))
    after, effects = decide(going, alarm(do="rollback", open=False), NOW + MINUTE)
    assert after.phase is Phase.SOAKING
    assert not pages(effects)


ACK = TimerDocument(when="alert.critical", within="5m", due="ack")


def test_an_alert_from_outside_runs_the_clocks_of_the_plan_until_it_is_over() -> None:
    timed = b.soaking(b.plan(sections=Sections(timers=(ACK,))))
    fires, effects = decide(timed, alarm(), NOW)
    (clock,) = (e for e in effects if isinstance(e, StartDuty))
    assert (clock.due, clock.subject, clock.seconds) == ("ack", "f1", 300)
    assert decide(fires, alarm(), NOW) == (fires, ())
    _, effects = decide(fires, alarm(open=False), NOW + MINUTE)
    assert [e.subject for e in effects if isinstance(e, EndDuties)] == ["f1"]


def test_a_warning_from_outside_goes_where_warnings_go() -> None:
    _, effects = decide(b.soaking(), alarm(do="notify", level="warning"), NOW)
    assert [e.text for e in effects if isinstance(e, Warn)] == [
        "Alert HighErrorRate (warning): 12 % fail"
    ]


CORRUPT = HookFired("data_corruption", "rows are missing", "pause")


def by(actor: Actor) -> HookFired:
    return msgspec.structs.replace(CORRUPT, actor=actor)


def test_somebody_without_a_role_holds_with_what_rolls_back_for_others() -> None:
    after, effects = decide(b.soaking(), by(NOBODY), NOW)
    assert after.phase is Phase.PAUSED
    assert "somebody with a role decides" in said(effects)
    assert step(b.soaking(), by(ADA)).phase is Phase.ROLLING_BACK
    assert step(b.soaking(), by(b.STALE)).phase is Phase.ROLLING_BACK


@pytest.mark.parametrize("start", [b.fresh, b.awaiting, b.queued])
def test_before_anything_moved_a_report_is_kept_and_shown(start: Callable[[], Rollout]) -> None:
    before = start()
    after, effects = decide(before, by(ADA), NOW)
    assert after.phase is before.phase
    assert reports_of(after, "data_corruption") == 1
    assert "data corruption was reported by @[ada]" in said(effects)


def test_what_is_over_takes_no_reports() -> None:
    done = b.completed()
    assert decide(done, alarm(do="rollback"), NOW) == (done, ())


def test_nothing_goes_back_to_what_is_being_stopped() -> None:
    retiring = step(b.watching(), b.counted(0, 10, 60, seen=b.LIVE))
    assert retiring.op_key
    after, effects = decide(retiring, alarm(do="rollback"), NOW)
    assert after.phase is Phase.HALTED
    assert "no longer there to go back to" in after.reason
    assert not [e for e in effects if isinstance(e, SwitchBack)]


def test_in_a_storm_of_alerts_only_what_changes_something_is_said() -> None:
    rollout = b.soaking()
    for number in range(LOUD):
        rollout = step(rollout, alarm(do="notify", id=f"w{number}", level="warning"))
    quiet, effects = decide(rollout, alarm(do="notify", id="one more"), NOW)
    assert effects
    assert not said(effects)
    assert not pages(effects)
    held, effects = decide(quiet, alarm(id="holds"), NOW)
    assert held.phase is Phase.PAUSED
    assert pages(effects)
    _, effects = decide(held, alarm(id="holds too"), NOW)
    assert not pages(effects)
    gone, effects = decide(held, alarm(id="takes it back", do="rollback"), NOW)
    assert gone.phase is Phase.ROLLING_BACK
    assert pages(effects)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("do", list(Action))
@pytest.mark.parametrize("open_", [True, False])
def test_no_report_ever_lets_traffic_rise(phase: Phase, do: Action, open_: bool) -> None:
    before = b.in_phase(phase)
    for source in ("alarm", "event", "report", "incident"):
        event = alarm(source=source, do=do.value, open=open_)
        after, _ = decide(before, event, NOW)
        assert after.target_weight <= before.target_weight
        assert after.wave <= before.wave
        assert (after.phase is before.phase) or after.phase in {
            Phase.PAUSED,
            Phase.STEPPING_BACK,
            Phase.ROLLING_BACK,
            Phase.HALTED,
        }
