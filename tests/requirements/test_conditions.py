"""Every condition that acts by itself does what it says, at its number and not before.

The rows of "Every automatic condition" and those of the documents they come from. Each is made
true by the least that is enough, on the built-in plan, in a wave that has it. One look earlier, one
window fewer and a value exactly at the limit don't bring it about.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

import msgspec
import pytest

from bot.domain.events import HookFired, ItemTicked, RunCheck, SetTraffic
from bot.domain.people import THE_BOT, Actor
from bot.domain.rollout import Phase
from tests.requirements import batch_patches, crypto_watch, proofile, sarvanom, whispercache
from tests.requirements.acting import (
    Counted,
    Drive,
    Gate,
    Question,
    Report,
    Rule,
    Side,
    slow,
    soak_through,
)


def cases(found: Iterable[Rule | Gate | Report | Counted | Question]) -> list[object]:
    """One parameter for each case, which shows its rows."""
    return [
        pytest.param(case, id=case.name, marks=pytest.mark.requirement(*case.rows))
        for case in found
    ]


ALL_RULES = [
    *whispercache.TRIGGERS,
    *whispercache.ALERTS,
    *proofile.ALERTS,
    *proofile.BREACHES,
    *proofile.UNUSUAL,
    *batch_patches.TRIGGERS,
    *batch_patches.WARNINGS,
    *batch_patches.CRITICALS,
    *batch_patches.BREACHES,
    *crypto_watch.TRIGGERS,
    *sarvanom.TRIGGERS,
]
RULES = cases(ALL_RULES)
ROWS = cases(rule for rule in ALL_RULES if rule.windows > 1)
GATES = cases(
    gate
    for document in (whispercache, proofile, batch_patches, crypto_watch, sarvanom)
    for gate in document.GATES
)
COUNTED = cases(batch_patches.COUNTED)
REPORTS = cases([*batch_patches.REPORTS, *sarvanom.REPORTS])
QUESTIONS = cases([*proofile.QUESTIONS, *batch_patches.QUESTIONS, *sarvanom.QUESTIONS])


def just_before(rule: Rule) -> Drive:
    """All windows but the last look of the last one."""
    drive = Drive(rule.plan, rule.wave, rule.before, gates=False)
    n = round(rule.windows * rule.window / rule.step)
    drive.looks(n - 1, rule.step, {rule.metric: rule.over})
    return drive


@pytest.mark.parametrize("rule", RULES)
def test_a_condition_acts_when_it_holds_and_not_a_look_earlier(rule: Rule) -> None:
    drive = just_before(rule)
    assert drive.done != rule.does
    drive.look(rule.step, {rule.metric: rule.over})
    assert drive.done == rule.does


@pytest.mark.parametrize("rule", RULES)
def test_people_are_told_which_number_it_was_and_what_to_do(rule: Rule) -> None:
    drive = just_before(rule)
    drive.look(rule.step, {rule.metric: rule.over})
    condition = rule.condition
    told = drive.posted if rule.does == "notify" else drive.paged
    assert any(said in text for said in (condition.say, condition.text) if said for text in told)
    if rule.does in {"notify", "page"}:
        assert any(condition.act in text for text in told)


@pytest.mark.parametrize("rule", RULES)
def test_a_condition_at_its_limit_does_not_act(rule: Rule) -> None:
    drive = Drive(rule.plan, rule.wave, rule.before, gates=False)
    n = round(2 * rule.windows * rule.window / rule.step)
    drive.looks(n, rule.step, {rule.metric: rule.limit})
    assert drive.done != rule.does


@pytest.mark.parametrize("rule", ROWS)
def test_a_row_that_is_broken_begins_anew(rule: Rule) -> None:
    drive = Drive(rule.plan, rule.wave, rule.before, gates=False)
    looks = round(rule.window / rule.step)
    for readings in (rule.over, rule.limit, rule.over):
        windows = 1 if readings is rule.limit else rule.windows - 1
        drive.looks(windows * looks, rule.step, {rule.metric: readings})
    assert drive.done != rule.does


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_that_fails_does_what_its_wave_says(gate: Gate) -> None:
    drive = soak_through(gate, gate.over)
    assert drive.done == gate.does
    if gate.to is not None:
        assert [e.weight for e in drive.effects if isinstance(e, SetTraffic)] == [gate.to]


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_at_its_limit_lets_nothing_rise(gate: Gate) -> None:
    assert soak_through(gate, gate.limit).done != "go on"


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_below_its_limit_lets_the_next_wave_begin(gate: Gate) -> None:
    assert soak_through(gate, gate.under).done == "go on"


@pytest.mark.parametrize("report", REPORTS)
def test_what_is_reported_acts_at_once_in_the_wave_that_lists_it(report: Report) -> None:
    drive = Drive(report.plan, report.wave)
    drive.happens(HookFired(report.event, "by a customer", "pause"))
    assert drive.done == report.does
    other = Drive(report.plan, report.wave)
    other.happens(HookFired("something_else", "by a customer", "pause"))
    assert other.done == "pause"


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_wave_waits_for_the_answer_of_the_role_that_is_asked(question: Question) -> None:
    drive = Drive(question.plan, question.wave)
    drive.answer_everything(but=question.id)
    drive.serve(question.good)
    assert drive.is_in(Phase.JUDGING)
    drive.happens(ItemTicked(Actor("nina", "U0NINA", ("nothing",)), question.id, ok=True))
    drive.look(1, question.good)
    assert drive.is_in(Phase.JUDGING)
    drive.happens(ItemTicked(Actor("nina", "U0NINA", (question.role,)), question.id, ok=True))
    drive.look(1, question.good)
    drive.let_go_on(question.good)
    assert drive.done == "go on"


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_no_is_a_breach(question: Question) -> None:
    drive = Drive(question.plan, question.wave)
    drive.answer_everything(but=question.id)
    drive.happens(ItemTicked(Actor("nina", "U0NINA", (question.role,)), question.id, ok=False))
    drive.serve(question.good)
    assert drive.done == question.does


def reported(
    kind: str, source: Literal["report", "incident"], number: int, at: datetime, still: bool = True
) -> HookFired:
    """Somebody reports something, or that it is over (`still` no longer so)."""
    id_ = f"{source}{number}"
    return HookFired(kind, "so people say", "notify", source, id_, open=still, at=at)


@pytest.mark.parametrize("counted", COUNTED)
def test_what_is_counted_acts_when_there_are_enough(counted: Counted) -> None:
    drive = Drive(counted.plan, counted.wave)
    for number in range(counted.enough):
        drive.look(10, {})
        assert drive.done == "nothing"
        drive.happens(reported(counted.kind, counted.source, number, drive.now))
    drive.look(10, {})
    assert drive.done == counted.does


@pytest.mark.requirement("B-099", "S2-17d", "X-22")
@pytest.mark.parametrize(
    ("readings", "missed"), [(slow(51, 0.4), True), (slow(50, 0.4), True), (slow(49, 0.4), False)]
)
def test_a_missed_target_takes_the_last_wave_of_batch_patches_back(
    readings: Side, missed: bool
) -> None:
    drive = Drive(batch_patches.PLAN, "w4")
    drive.looks(8, 60, {**batch_patches.GOOD, "latency_p95": readings})
    assert (drive.done == "rollback") is missed
    earlier = Drive(batch_patches.PLAN, "w3")
    earlier.looks(8, 60, {**batch_patches.GOOD, "latency_p95": readings})
    assert earlier.done == "nothing"


@pytest.mark.parametrize(
    ("plan", "wave", "kind", "does", "good"),
    [
        pytest.param(*each, marks=pytest.mark.requirement(*rows))
        for rows, *each in [
            (("P-041",), proofile.PLAN, "canary", "critical", "rollback", proofile.GOOD),
            (("P-052",), proofile.PLAN, "graduated", "new", "step_back", proofile.GOOD),
            (("P-041",), proofile.PLAN, "full", "critical", "pause", proofile.GOOD),
            (("S-037",), sarvanom.PLAN, "p25", "critical", "rollback", sarvanom.GOOD),
        ]
    ],
)
def test_an_open_incident_is_a_gate_that_fails(
    plan: str, wave: str, kind: str, does: str, good: Mapping[str, Side]
) -> None:
    drive = Drive(plan, wave)
    drive.answer_everything()
    drive.happens(reported(kind, "incident", 1, drive.now))
    drive.serve(good)
    assert drive.done == does
    closed = Drive(plan, wave)
    closed.answer_everything()
    closed.happens(reported(kind, "incident", 1, closed.now))
    closed.look(1, good)
    closed.happens(reported(kind, "incident", 1, closed.now, still=False))
    closed.serve(good)
    closed.let_go_on(good)
    assert closed.done == "go on"


@pytest.mark.requirement("B-043")
@pytest.mark.parametrize(("ok", "does"), [(True, "go on"), (False, "rollback")])
def test_the_load_with_known_patches_is_run_when_the_wave_is_judged(ok: bool, does: str) -> None:
    drive = Drive(batch_patches.PLAN, "w1")
    gate = next(g for g in drive.rollout.current_wave.gates if g.text == "synthetic_load")
    drive.answer_everything(but=gate.id)
    drive.serve(batch_patches.GOOD)
    assert RunCheck(gate.id, "synthetic_load") in drive.effects
    assert drive.is_in(Phase.JUDGING)
    drive.happens(ItemTicked(THE_BOT, gate.id, ok=ok, evidence="500 of 500 patches"))
    drive.look(1, batch_patches.GOOD)
    drive.let_go_on(batch_patches.GOOD)
    assert drive.done == does


@pytest.mark.requirement("B-057")
def test_what_customers_of_the_beta_say_is_asked_and_not_waited_for() -> None:
    drive = Drive(batch_patches.PLAN, "w2")
    gate = next(g for g in drive.rollout.current_wave.gates if g.id == "w2-customers")
    assert (gate.kind, gate.by, gate.optional) == ("attest", ("product_manager",), True)
    drive.answer_everything(but=gate.id)
    drive.serve(batch_patches.GOOD)
    drive.let_go_on(batch_patches.GOOD)
    assert drive.done == "go on"


@pytest.mark.requirement("W-010")
@pytest.mark.parametrize("rule", whispercache.ALERTS, ids=lambda rule: rule.name)
def test_staging_has_the_same_alerts_as_production(rule: Rule) -> None:
    drive = Drive(rule.plan, rule.wave, gates=False)
    drive.rollout = msgspec.structs.replace(drive.rollout, environment="staging")
    drive.looks(round(rule.windows * rule.window / rule.step), rule.step, {rule.metric: rule.over})
    assert drive.done == rule.does
