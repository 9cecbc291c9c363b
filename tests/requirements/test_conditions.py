"""Every condition that acts by itself does what it says, at its number and not before.

The rows of "Every automatic condition" and those of the documents they come from. Each is made
true by the least that is enough, on the built-in plan, in a wave that has it. One look earlier, one
window fewer and a value exactly at the limit don't bring it about.
"""

from collections.abc import Iterable

import pytest

from tests.requirements import whispercache
from tests.requirements.acting import Drive, Gate, Rule, soak_through


def cases(found: Iterable[Rule | Gate]) -> list[object]:
    """One parameter for each case, which shows its rows."""
    return [
        pytest.param(case, id=case.name, marks=pytest.mark.requirement(*case.rows))
        for case in found
    ]


ALL_RULES = [*whispercache.TRIGGERS, *whispercache.ALERTS]
RULES = cases(ALL_RULES)
ROWS = cases(rule for rule in ALL_RULES if rule.windows > 1)
GATES = cases(whispercache.GATES)


def just_before(rule: Rule) -> Drive:
    """All windows but the last look of the last one."""
    drive = Drive(rule.plan, rule.wave, rule.before)
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
        assert any(condition.act in text for text in told if condition.act)


@pytest.mark.parametrize("rule", RULES)
def test_a_condition_at_its_limit_does_not_act(rule: Rule) -> None:
    drive = Drive(rule.plan, rule.wave, rule.before)
    n = round(2 * rule.windows * rule.window / rule.step)
    drive.looks(n, rule.step, {rule.metric: rule.limit})
    assert drive.done != rule.does


@pytest.mark.parametrize("rule", ROWS)
def test_a_row_that_is_broken_begins_anew(rule: Rule) -> None:
    drive = just_before(rule)
    drive.looks(round(rule.window / rule.step), rule.step, {rule.metric: rule.fine or rule.limit})
    drive.looks(
        round((rule.windows - 1) * rule.window / rule.step), rule.step, {rule.metric: rule.over}
    )
    assert drive.done != rule.does


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_that_fails_does_what_its_wave_says(gate: Gate) -> None:
    assert soak_through(gate, gate.over).done == gate.does


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_at_its_limit_lets_nothing_rise(gate: Gate) -> None:
    assert soak_through(gate, gate.limit).done != "go on"


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_below_its_limit_lets_the_next_wave_begin(gate: Gate) -> None:
    assert soak_through(gate, gate.under).done == "go on"
