"""A standup as people see it: its parts, its buttons, its forms, and Slack's rules."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.conditions import Condition
from bot.domain.evidence import Verdict
from bot.domain.gates import Finding
from bot.domain.metering import Entry, Meter
from bot.domain.people import Actor
from bot.domain.reports import Report
from bot.domain.rollout import Rollout, Tick
from bot.domain.samples import Counts
from bot.domain.standup import begin, decide
from bot.domain.standup_content import topic, values
from bot.domain.standup_state import (
    ActionAdded,
    Choice,
    ChoiceMade,
    Issue,
    Standup,
    Superseded,
    Topic,
    TopicClosed,
)
from bot.ports import Message
from bot.slack.standups import StandupCards, add_form, decision_form
from tests.blockkit import check_message, check_view
from tests.domain import builders as b
from tests.requirements.acting import plans
from tests.scenarios.reading import Shown, texts

CARDS = StandupCards({"ada": "U0ADA", "mary": "U0MARY"}, "/daily")
WHOM = {"security": ["U0ADA"], "incident_commander": ["U0MARY", "U0ALAN"], "support": []}
NASTY = "<!channel> & *all* of `them` @here <http://evil|x>"
ADA = Actor("ada", "U0ADA", ("security",))
NOW = b.NOW


def finding(verdict: Verdict = Verdict.PASS, share: float = 0.002) -> Finding:
    shown = f"{share * 100:g}% of 3,000 requests, limit 1%"
    return Finding("p5-errors", "error_rate < 1%", verdict, share, 0.01, shown, "", (0.0, 0.01))


def release(**fields: Any) -> Rollout:
    """In its first wave, with a gate, a baseline, an alert and what customers say."""
    attest = Condition(id="nice", kind="attest", text="Do they like it?", by=("product",))
    alert = b.condition("error_rate > 0.1%", id="warned", say="more errors than usual")
    wave = b.wave("p5", 5.0, gates=(b.condition("error_rate < 1%", id="p5-errors"), attest))
    made = b.plan(waves=(wave, b.wave("p100", 100.0)), alerts={"warning": (alert,)})
    usual: dict[str, Any] = {
        "findings": (finding(),),
        "alerts": ("warned",),
        "meter": Meter(wave="p5", baseline={"error_rate": Entry(total=Counts(3, 1000))}),
        "reports": (
            Report("escalation", "1", NOW),
            Report("DiskFull", "2", NOW, "db1", True, "alarm"),
        ),
        "ticks": (Tick("nice", True, "mary", NOW),),
    }
    return msgspec.structs.replace(b.soaking(made), **(usual | fields))


def standup(*rollouts: Rollout, before: Standup | None = None, **fields: Any) -> Standup:
    issue = Issue(NOW, "the cache was cold", over=True)
    topics = tuple(topic(r, NOW, yesterday=before, issues=(issue,)) for r in rollouts)
    usual: dict[str, Any] = {
        "id": "su-20261121T0900-abcdef",
        "series": "C0:test",
        "channel": "C0",
        "plan": "test",
        "zone": "America/Los_Angeles",
        "slot": "2026-11-21T09:00",
        "attendees": ("security", "incident_commander", "support"),
        "topics": topics,
        "created_at": NOW,
        "next_at": NOW + timedelta(days=1),
    }
    return begin(Standup(**(usual | fields)))[0]


def shown(one: Standup) -> Shown:
    """The message as a person reads it, held against Slack's rules."""
    return read(CARDS.standup(one, WHOM, NOW))


def read(message: Message) -> Shown:
    blocks: list[dict[str, Any]] = [dict(block) for block in message.blocks]
    check_message({"channel": "C0", "text": message.text, "blocks": blocks})
    return Shown("C0", "1.0", message.text, blocks)


@pytest.mark.requirement("B-118")
def test_those_who_should_come_are_called_by_name() -> None:
    whole = shown(standup(release())).whole
    assert "security <@U0ADA>" in whole
    assert "incident commander <@U0MARY> <@U0ALAN>" in whole
    assert "support (nobody is known)" in whole


@pytest.mark.requirement("B-119", "W-193", "B-062")
def test_health_has_every_gate_beside_yesterday_and_the_old_version() -> None:
    yesterday = msgspec.structs.replace(
        standup(release(findings=(finding(share=0.001),))), created_at=NOW - timedelta(days=1)
    )
    whole = shown(standup(release(), before=yesterday)).whole
    assert "✓ error_rate &lt; 1%: 0.2% of 3,000 requests, limit 1%" in whole
    assert "↑ yesterday 0.1% of 3,000 requests" in whole
    assert "old version 0.3%" in whole
    assert "Alert: more errors than usual" in whole
    assert "Alert: DiskFull: db1" in whole
    assert "1 escalation" in whole
    assert "Do they like it? <@U0MARY>: yes" in whole


def test_a_metric_that_no_gate_asks_for_is_shown_too() -> None:
    meter = Meter(wave="p5", canary={"error_rate": Entry(total=Counts(5, 1000))})
    bare = b.plan(waves=(b.wave("p5", 5.0, gates=()), b.wave("p100", 100.0)))
    found = list(values(msgspec.structs.replace(b.soaking(bare), meter=meter), ()))
    assert [(each.text, each.shown, each.verdict) for each in found] == [
        ("error rate", "0.5%", None)
    ]


@pytest.mark.requirement("B-120")
def test_issues_have_what_happened_the_cause_and_what_was_done() -> None:
    whole = shown(standup(release())).whole
    assert "the cache was cold" in whole
    assert "Cause: nobody has named it yet. Done: nothing is recorded yet." in whole


def test_the_title_has_the_local_time_that_it_was_meant_for() -> None:
    head = shown(standup(release())).text
    assert head.startswith("Standup of test · Sat 21 Nov, 09:00 America/Los_Angeles: checkout")


@pytest.mark.requirement("B-121")
def test_what_can_be_decided_has_a_button_until_somebody_decides() -> None:
    one = standup(release())
    four = [f"standup_{each.value}" for each in Choice]
    assert shown(one).buttons == [*four, "standup_add"]
    decided, _ = decide(one, ChoiceMade(ADA, "r1", Choice.NEXT_WAVE, NASTY), NOW)
    card = shown(decided)
    assert card.buttons == ["standup_add"]
    assert "<@U0ADA> decided to go on to the next wave" in card.whole
    assert "<!channel>" not in card.whole


def test_a_button_names_the_standup_and_the_release() -> None:
    assert shown(standup(release())).values("standup_pause") == ["su-20261121T0900-abcdef:r1"]


def test_what_is_over_has_no_buttons() -> None:
    over, _ = decide(standup(release()), Superseded("su-2"), NOW)
    assert shown(over).buttons == []
    assert "Nobody decided; it went on by its plan." in shown(over).whole
    gone, _ = decide(standup(release()), TopicClosed("r1", "it was rolled back."), NOW)
    assert shown(gone).buttons == ["standup_add"]
    assert "Nothing is left to decide: it was rolled back." in shown(gone).whole


def test_two_releases_have_their_buttons_each() -> None:
    other = release(id="r2", service="payments")
    card = shown(standup(release(), other))
    assert [value.partition(":")[2] for value in card.values("standup_pause")] == ["r1", "r2"]


@pytest.mark.requirement("B-124")
def test_next_actions_have_the_focus_the_assignments_and_the_next_standup() -> None:
    one, _ = decide(standup(release()), ActionAdded(ADA, "call the bank", "mary"), NOW)
    late = msgspec.structs.replace(one.actions[0], since=NOW - timedelta(days=2))
    card = shown(msgspec.structs.replace(one, actions=(late,)))
    assert "○ 1. <@U0MARY> call the bank (since <!date^" in card.whole
    assert "Next standup: <!date^" in card.whole
    assert "(02:00 America/Los_Angeles)" in card.whole
    assert "standup_done_1" in card.buttons
    empty = shown(standup(release(findings=(finding(Verdict.FAIL),)))).whole
    assert "Focus of checkout: error_rate &lt; 1% 0.2%" in empty
    assert "/daily add @somebody" in empty


def test_the_agenda_of_the_plan_says_which_parts_there_are() -> None:
    card = shown(standup(release(), agenda=("decision",)))
    assert "1. Health" not in card.whole
    assert "Next actions" not in card.whole
    assert "standup_pause" in card.buttons


def test_a_day_without_a_release_says_what_was_shipped_what_waits_and_what_is_planned() -> None:
    quiet = standup(
        shipped=("checkout v2 to production is at 100 %",), waits=("v3 waits",), dora=("Five",)
    )
    whole = shown(quiet).whole
    for words in (
        "No release of test is under way",
        "checkout v2",
        "v3 waits",
        "Nothing is planned",
    ):
        assert words in whole
    assert "*The last seven days*\n• Five" in whole


@pytest.mark.parametrize("many", [1, 40])
def test_what_people_and_plans_wrote_is_shown_literally_and_fits(many: int) -> None:
    one = standup(*[release(id=f"r{n}", reason=NASTY * 20, version=NASTY) for n in range(many)])
    for _ in range(many):
        one, _ = decide(one, ActionAdded(ADA, NASTY * 3, "mary"), NOW)
    for message in (
        CARDS.standup(one, WHOM, NOW),
        CARDS.line(one, NASTY * 100),
        CARDS.reminder(one, WHOM),
        CARDS.weekly(msgspec.structs.replace(one, weekly=("*The week*", NASTY))),
    ):
        whole = read(message).whole
        assert "<!channel>" not in whole
        assert "<http://evil" not in whole
    assert "<!channel>" in CARDS.plain(one), "it is escaped where it is answered"


def test_the_reminder_calls_those_who_should_have_come() -> None:
    said = read(CARDS.reminder(standup(release()), WHOM)).text
    assert said.startswith("<@U0ADA> <@U0MARY> <@U0ALAN> Nobody has decided yet how checkout")


@pytest.mark.parametrize("each", list(Choice))
def test_the_form_asks_why_and_says_what_it_does(each: Choice) -> None:
    one = standup(release(version=NASTY))
    view = decision_form(one, one.topics[0], each)
    check_view(view)
    assert view["private_metadata"] == f"su-20261121T0900-abcdef:r1:{each.value}"
    assert "<!channel>" not in texts("", view["blocks"])


def test_the_form_of_an_action_offers_the_people() -> None:
    view = add_form(standup(release()), ["mary", "ada"])
    check_view(view)
    assert "ada\nmary" in texts("", view["blocks"])
    check_view(add_form(standup(release()), []))


LINKS = {"business": "https://grafana.example/d/business?from=now"}


@pytest.mark.requirement("P-102", "P-103")
def test_the_dashboards_of_the_plan_are_told_with_what_they_show_and_where_they_are() -> None:
    proofile = msgspec.structs.replace(release(), plan=plans().get("proofile-staged"))
    told = topic(proofile, NOW, yesterday=None, links=LINKS)
    whole = shown(standup_of(told)).whole
    assert "business (activity of users, use of features, conversion)" in whole
    assert "conversion) https://grafana.example/d/business?from=now" in whole
    for name in ("real time status", "performance", "infrastructure"):
        assert f"• {name} (" in whole


@pytest.mark.requirement("P-125", "P-126", "P-127", "P-128")
def test_who_looks_at_what_is_told_team_by_team() -> None:
    proofile = msgspec.structs.replace(release(), plan=plans().get("proofile-staged"))
    whole = shown(standup_of(topic(proofile, NOW, yesterday=None))).whole
    assert "• qa: the features, performance, issues, where they come from, on call" in whole
    for team in ("backend", "frontend", "devops"):
        assert f"• {team}: " in whole
    assert "Who looks at what" not in shown(standup(release())).whole


def standup_of(told: Topic) -> Standup:
    return msgspec.structs.replace(standup(release()), topics=(told,))
