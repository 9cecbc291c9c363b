"""What the built-in plans ask for after 100 %, carried out to its end."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.after_facts import Known
from bot.domain.after_measuring import results
from bot.domain.after_plan import in_words
from bot.domain.after_state import Stage, questions
from bot.domain.events import RunCheck
from bot.domain.people import Actor
from bot.domain.plan_compile import compile_plan
from bot.domain.reports import Report
from bot.domain.samples import Gauge, Value
from bot.plans import library
from tests.domain.aftercare_world import DAY, Story
from tests.domain.builders import NOW

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

LEAD = Actor("lead", "U0LEAD", ("release_manager",))
QA = Actor("quinn", "U0QA", ("qa",))
FRONT = Actor("fay", "U0FAY", ("frontend",))
OPS = Actor("olga", "U0OPS", ("devops", "ops_lead"))
TEAM = (LEAD, QA, FRONT, OPS)

FINE: Mapping[str, Value] = {
    "fcp": Gauge(1.0),
    "lcp": Gauge(2.0),
    "cls": Gauge(0.05),
    "cpu": Gauge(0.4),
    "memory": Gauge(0.5),
    "db_connections": Gauge(20),
    "availability": Gauge(0.9995),
}


def proofile(*, closely: bool = False, **checks: bool) -> Story:
    """closely: the first day is looked at every five minutes, which takes its time here."""
    ran = {"api_health": True, "site_health": True} | checks
    plan = library().get("proofile-staged")
    if not closely:
        rest = [each for each in plan.document["after"] if each["id"] != "first_day"]
        plan = compile_plan({**plan.document, "after": rest})
    story = Story(plan, checks=ran)
    story.values.update(FINE)
    return story


def batch_patches() -> Story:
    return Story(library().get("batch-patches-waves"))


def crypto_watch(**checks: bool) -> Story:
    ran = {"api_endpoints": True, "price_updates": True} | checks
    plan = library().get("crypto-watch-linear")
    return Story(plan, checks=ran, lambda_error_rate=Gauge(0.001), apigw_5xx_rate=Gauge(0.002))


# --- proofile -----------------------------------------------------------------------------------


@pytest.mark.requirement(
    "S4-10a", "S4-10b",
    "P-071", "P-072", "P-073", "P-155", "P-156", "P-157", "P-158", "P-159", "P-160", "P-161",
    "P-162", "P-163", "P-164", "P-165", "P-166", "P-167", "P-168", "P-169", "P-170", "P-171",
)  # fmt: skip
def test_proofile_is_signed_off_on_day_1_on_day_7_and_in_weeks_2_to_4() -> None:
    story = proofile()
    story.wait(DAY)
    assert story.said("Sign-off day1 is due") == [DAY]
    asked = [item.text for group, item in questions(story.care) if group.id == "day1"]
    assert asked == [
        "Are the people who use it content?",
        "Does the team trust this version?",
    ]
    story.sign("day1", LEAD)
    assert "First somebody has to answer" in story.refusal()
    story.answer_all(*TEAM)
    story.sign("day1", LEAD)
    assert story.said("Next: sign-off day7")

    story.wait(6 * DAY)
    story.answer_all(*TEAM)
    story.sign("day7", LEAD)
    assert story.said("is now successful") == [7 * DAY]

    story.wait(7 * DAY)
    assert story.said("Daily checks is over") == [14 * DAY]
    days = [at / DAY for at in story.said("Day ")]
    assert days == list(range(1, 15)), "every day for two weeks, and then no more"
    story.wait(10 * DAY)
    story.answer_all(*TEAM)
    story.sign("week2_4", LEAD)
    assert story.care.grade == "ready_for_next_sprint"
    story.wait(4 * DAY)
    assert story.care.phase is Stage.PASSED
    assert story.pages() == []


@pytest.mark.requirement("P-080")
@pytest.mark.parametrize("ill", ["", "api_health", "site_health"])
def test_proofiles_api_and_its_site_are_looked_at_when_it_is_live(ill: str) -> None:
    story = proofile(**({ill: False} if ill else {}))
    ran = {e.check for _, e in story.effects if isinstance(e, RunCheck)}
    assert ran == {"api_health", "site_health"}
    story.wait(HOUR)
    fine = story.said("deployed (0s to 15m) is over: all 2 items are fine")
    assert fine == ([] if ill else [15 * MINUTE])
    assert any(ill in text for text in story.pages()) is bool(ill)


@pytest.mark.requirement("P-155", "P-157")
def test_proofiles_first_day_is_not_signed_on_bad_numbers_or_an_open_incident() -> None:
    story = proofile()
    story.bad = 0.002
    incident = Report("critical", "i1", NOW, source="incident")
    story.known = Known(1.0, 0, (incident,), (incident,))
    story.wait(DAY)
    story.answer_all(FRONT)
    story.answer("day1-team", actor=LEAD)
    story.sign("day1", LEAD)
    assert "0.2% of 86,400 requests, limit 0.1%" in story.refusal()
    assert "open_incidents(critical) == 0 (1, limit 0)" in story.refusal()
    assert not story.said("Next: sign-off day7")


@pytest.mark.requirement("P-141", "P-139", "P-140", "P-142", "P-143", "P-144", "P-145", "P-146")
def test_proofiles_criteria_are_listed_with_what_is_known() -> None:
    story = proofile()
    for days, signoff in ((1, "day1"), (6, "day7"), (7, "week2_4")):
        story.wait(days * DAY)
        story.answer_all(*TEAM)
        story.sign(signoff, LEAD)
    assert [(r.text, r.verdict.value, r.known) for r in story.care.results] == [
        ("traffic == 100%", "pass", True),
        ("unplanned_rollbacks == 0", "pass", True),
        ("error_rate < 0.1%", "pass", True),
        ("latency_p95 < 500ms", "pass", True),
        ("latency_p99 < 2s", "pass", True),
        ("availability > 99.9%", "pass", True),
        ("open_incidents(critical) == 0", "pass", True),
        ("every feature does what it was made for", "unknown", False),
        ("the people who use it like it", "unknown", False),
        ("the team trusts it", "unknown", False),
        ("the monitoring called nobody for nothing", "unknown", False),
    ]


@pytest.mark.requirement("P-123")
def test_only_the_release_manager_decides_and_a_decline_keeps_its_reason() -> None:
    story = proofile()
    story.wait(DAY)
    story.answer_all(*TEAM)
    story.sign("day1", QA)
    assert "None of the open seats" in story.refusal()


@pytest.mark.parametrize(
    ("window", "until", "asked"),
    [
        pytest.param(
            "first_day_answers",
            1,
            [
                "first-feedback",
                "first-tickets",
                "first-logs",
                "first-features",
                "first-performance",
            ],
            marks=pytest.mark.requirement("P-119"),
        ),
        pytest.param(
            "first_week",
            7,
            [
                *("week-feedback", "week-trends", "week-issues", "week-optimising"),
                *("week-security", "week-survey"),
            ],
            marks=pytest.mark.requirement("P-120"),
        ),
        pytest.param(
            "weeks_2_to_4",
            28,
            [
                *("later-usage", "later-performance", "later-optimising", "later-issues"),
                *("later-feedback", "later-next", "later-party"),
            ],
            marks=pytest.mark.requirement("P-121", "P-075"),
        ),
    ],
)
def test_proofile_asks_what_is_to_be_found_out_and_names_what_nobody_answered(
    window: str, until: int, asked: list[str]
) -> None:
    story = proofile()
    story.wait(until * DAY - HOUR)
    mine = [item for group, item in questions(story.care) if group.id == window]
    assert [item.id for item in mine] == asked
    story.answer(mine[0].id, actor=FRONT)
    story.wait(HOUR)
    (said,) = [
        text
        for _, text in story.posts()
        if text.startswith(f"Verification {in_words(window)} (") and "is over" in text
    ]
    assert mine[0].text not in said
    assert [item.text for item in mine[1:] if item.text in said] == [i.text for i in mine[1:]]
    assert not [i for g, i in questions(story.care) if g.id == window and i.id == asked[0]]


@pytest.mark.requirement("P-118")
def test_proofiles_numbers_are_looked_at_every_five_minutes_for_a_day_and_a_bad_one_calls() -> None:
    story = proofile(closely=True)
    for _ in range(12):
        before = story.looks
        story.wait(5 * MINUTE)
        assert story.looks > before
    story.wait(22 * HOUR)
    assert story.looks >= 12 * 23
    story.bad = 0.01
    story.wait(5 * MINUTE)
    assert not story.pages(), "one bad look is noise"
    story.wait(5 * MINUTE)
    assert "It is bad at this moment: error_rate < 0.1% (1% of 300 requests" in story.pages()[0]
    story.wait(20 * MINUTE)
    assert len(story.pages()) == 1
    story.bad = 0.0
    story.wait(5 * MINUTE)
    assert story.said("It is good again: error_rate < 0.1%")
    story.wait(HOUR)
    before = story.looks
    story.wait(5 * MINUTE)
    assert story.looks == before, "the first day is over"


@pytest.mark.requirement("P-070")
def test_after_its_first_day_at_100_percent_proofile_is_watched_as_usual() -> None:
    last = library().get("proofile-staged").waves[-1]
    assert [(each.every, each.until) for each in last.cadence][-1] == (15 * MINUTE, last.soak)
    story = proofile()
    story.wait(5 * DAY)
    assert [at / DAY for at in story.said("Day ")] == [1, 2, 3, 4, 5]


# --- batch patches ------------------------------------------------------------------------------


@pytest.mark.requirement(
    "S3-04b", "S4-10c", "B-100", "B-102", "B-138", "B-139", "B-144", "B-145", "B-147", "B-151",
    "B-154", "B-155", "B-156", "B-157", "B-158", "B-159", "B-160", "B-161",
)  # fmt: skip
def test_batch_patches_are_production_grade_after_14_days_and_four_signatures() -> None:
    story = batch_patches()
    roles = ("development_lead", "operations_lead", "product_manager", "incident_commander")
    leads = [Actor(role, f"U0{role}", (role,)) for role in roles]
    story.values["availability"] = Gauge(0.9995)
    story.wait(5 * DAY)
    story.answer_all(*leads)
    story.wait(9 * DAY)
    assert [at / DAY for at in story.said("Day ")] == list(range(1, 15))
    assert [at / DAY for at in story.said("Due now")] == [7, 14]
    (table,) = [text for _, text in story.posts() if text.startswith("What success was to be")]
    assert [line[:2] + line[2:].split(":")[0] for line in table.splitlines()[1:]] == [
        "✓ traffic == 100%",
        "✓ unplanned_rollbacks == 0",
        "✓ error_rate < 2%",
        "✓ mttr < 15m",
        "✓ availability > 99.9%",
        "✓ incidents(data_loss) == 0",
        "? cost < 300",
        "✓ late(handled) == 0",
        "? satisfaction > 4.5",
        "? the team trusts itself to run it",
    ]
    story.sign("final", leads[0])
    assert "First somebody has to answer" in story.refusal()
    story.answer("final-cost", actor=leads[2], evidence="280 a month")
    story.answer_all(*leads)
    for lead in leads:
        assert story.open
        story.sign("final", lead)
    assert (story.care.phase, story.care.grade) == (Stage.PASSED, "production_grade")
    assert story.said("is now production grade") == [14 * DAY]


def batch_patches_in_the_end(**known: Any) -> str:
    """The table of success after the last signature, with what the bot knows itself."""
    story = batch_patches()
    roles = ("development_lead", "operations_lead", "product_manager", "incident_commander")
    leads = [Actor(role, f"U0{role}", (role,)) for role in roles]
    up = known.pop("up", 0.9995)
    answers = {"final-cost": "280", "final-satisfaction": "4.7", **known.pop("answers", {})}
    story.values["availability"] = Gauge(up)
    story.known = Known(1.0, 0, **known)
    story.wait(14 * DAY)
    for item, said in answers.items():
        word, _, number = said.rpartition(" ")
        story.answer(item, ok=word != "no", actor=leads[2], evidence=number)
    story.answer_all(*leads)
    for lead in leads:
        story.sign("final", lead)
    tables = [text for _, text in story.posts() if text.startswith("What success was to be")]
    assert len(tables) == 2, "when it falls due, and when it is signed"
    return tables[-1]


@pytest.mark.parametrize(
    ("good", "bad", "known"),
    [
        pytest.param(
            "✓ late(handled) == 0: 0, limit 0",
            "✗ late(handled) == 0: 1, limit 0",
            {"late": {"handled": 1}},
            marks=pytest.mark.requirement("B-146"),
        ),
        pytest.param(
            "✓ satisfaction > 4.5: 4.7, says @[product_manager]",
            "✗ satisfaction > 4.5: 4.1, says @[product_manager]",
            {"answers": {"final-satisfaction": "no 4.1"}},
            marks=pytest.mark.requirement("B-148"),
        ),
        pytest.param(
            "✓ mttr < 15m: 0s, limit 15m",
            "✗ mttr < 15m: 15m, limit 15m",
            {"recoveries": (600.0, 1200.0)},
            marks=pytest.mark.requirement("B-149"),
        ),
        pytest.param(
            "✓ availability > 99.9%",
            "✗ availability > 99.9%: 99.8%",
            {"up": 0.998},
            marks=pytest.mark.requirement("B-150"),
        ),
        pytest.param(
            "✓ cost < 300: 280, says @[product_manager]",
            "✗ cost < 300: 340, says @[product_manager]",
            {"answers": {"final-cost": "no 340"}},
            marks=pytest.mark.requirement("B-152"),
        ),
        pytest.param(
            "✓ the team trusts itself to run it: looked at, says @[operations_lead]",
            "✗ mttr",
            {"recoveries": (3600.0,)},
            marks=pytest.mark.requirement("B-153"),
        ),
    ],
)
def test_batch_patches_success_is_measured_or_told_by_somebody(
    good: str, bad: str, known: dict[str, Any]
) -> None:
    assert good in batch_patches_in_the_end()
    if "answers" in known:
        story = batch_patches()
        story.wait(14 * DAY)
        ((item, said),) = known["answers"].items()
        product = Actor("product_manager", "U0PM", ("product_manager",))
        story.answer(item, actor=product, evidence=said.removeprefix("no "))
        assert f"is not {'<' if 'cost' in item else '>'}" in story.refusal()
        story.answer(item, ok=False, actor=product, evidence=said.removeprefix("no "))
        assert bad.removeprefix("✗ ") in "\n".join(
            f"{each.text}: {each.shown}" for each in results(story.care)
        )
    else:
        assert bad in batch_patches_in_the_end(**known)


@pytest.mark.requirement("B-101")
def test_batch_patches_days_9_to_14_are_for_looking_into_four_things() -> None:
    story = batch_patches()
    asked = [item.id for group, item in questions(story.care) if group.id == "days_9_to_14"]
    assert asked == ["days-performance", "days-costs", "days-lessons", "days-optimising"]
    story.answer("days-costs", actor=Actor("p", "U0P", ("product_manager",)))
    story.wait(5 * DAY)
    (said,) = [
        text for _, text in story.posts() if "Verification days 9 to 14 (0s to 5d) is" in text
    ]
    assert "Was its performance looked into?" in said
    assert "which cost" not in said


@pytest.mark.requirement("B-151")
def test_a_loss_of_data_in_the_two_weeks_shows_in_the_criteria_though_it_is_over() -> None:
    story = batch_patches()
    loss = Report("data_loss", "e1", NOW + DAY, open=False, source="incident")
    story.known = Known(1.0, 0, (), (loss,))
    story.wait(14 * DAY)
    assert story.said("✗ incidents(data_loss) == 0: 1, limit 0") == [14 * DAY]


# --- crypto-watch -------------------------------------------------------------------------------


@pytest.mark.requirement(
    "S4-11",
    "C-097", "C-098", "C-099", "C-100", "C-101", "C-102", "C-103", "C-104", "C-105", "C-106",
    "C-107", "C-108", "C-109", "C-110", "C-111",
)  # fmt: skip
def test_crypto_watch_is_verified_in_three_windows() -> None:
    story = crypto_watch()
    story.wait(15 * MINUTE)
    assert story.said("immediate (0s to 15m) is over: all 4 items are fine") == [15 * MINUTE]
    story.wait(30 * MINUTE)
    asked = [item.id for _, item in questions(story.care)]
    assert asked == ["short-latency", "short-logs"]
    story.answer_all(OPS)
    story.wait(15 * MINUTE)
    assert story.said("short (15m to 1h) is over: all 5 items are fine") == [HOUR]
    story.wait(5 * HOUR)
    story.answer_all(OPS)
    story.wait(18 * HOUR)
    assert story.said("long (1h to 1d) is over: all 5 items are fine") == [DAY]
    assert story.care.phase is Stage.PASSED


@pytest.mark.requirement("C-099", "C-100")
def test_an_alarm_or_a_failing_endpoint_in_crypto_watchs_first_minutes_calls_people() -> None:
    story = crypto_watch(api_endpoints=False)
    alarm = Report("HighErrors", "a1", NOW, source="alarm")
    story.known = Known(1.0, 0, (alarm,))
    story.wait(5 * MINUTE)
    story.known = Known(1.0, 0)
    story.wait(10 * MINUTE)
    assert "alarms == 0 (1, limit 0)" in story.pages()[0]
    assert "api_endpoints (no: ran)" in story.pages()[0]
    assert story.said("and 2 of 4 items failed") == [15 * MINUTE]


# --- sarvanom -----------------------------------------------------------------------------------


@pytest.mark.requirement("S-074", "S-075", "S-076", "S-077")
@pytest.mark.parametrize("name", ["sarvanom-feature", "sarvanom-hotfix", "sarvanom-major"])
def test_sarvanom_is_tried_live_for_half_an_hour(name: str) -> None:
    story = Story(library().get(name), checks={"smoke_tests": True, "user_journeys": True})
    assert [item.id for _, item in questions(story.care)] == ["live-performance"]
    story.answer_all(Actor("eve", "U0EVE", ("engineering_team",)))
    story.wait(30 * MINUTE)
    assert story.said("live (0s to 30m) is over: all 5 items are fine") == [30 * MINUTE]
    story.wait(7 * DAY)
    assert story.care.phase is Stage.PASSED  # what a week could tell, nobody has to answer


@pytest.mark.requirement("S-097", "S-100", "S-101")
def test_what_the_report_of_sarvanom_tells_can_be_said_by_somebody() -> None:
    """Each figure has an item; those of the business can be answered in the first week."""
    plan = library().get("sarvanom-feature")
    story = Story(plan, checks={"smoke_tests": True, "user_journeys": True})
    story.wait(2 * DAY)
    asked = {item.id for _, item in questions(story.care)}
    lists = {item.id for each in plan.sections.checklists.values() for item in each.items}
    assert set(plan.sections.report.values()) <= asked | lists
    assert asked >= {"satisfaction", "adoption", "engagement", "revenue", "support-tickets"}


# --- whispercache -------------------------------------------------------------------------------


@pytest.mark.requirement("W-079")
def test_whispercaches_old_side_is_stopped_by_the_rollout_not_twice() -> None:
    plan = library().get("whispercache-canary")
    assert plan.keep_previous == HOUR
    assert plan.afterwards.empty


def test_the_words_after_if_stable_say_how_long_the_old_side_stays() -> None:
    from tests.domain.aftercare_world import plan

    words = {"id": "old", "after": "30m", "if_stable": "scale_down", "else": "switch_back"}
    assert plan(after=[words]).keep_previous == 30 * MINUTE
    assert plan(after=[words], watch={"keep_previous": "2h"}).keep_previous == 2 * HOUR
    assert plan().keep_previous == HOUR
