"""The campaign's judge finds what must not be: each rule is broken once."""

from dataclasses import replace
from typing import Any

import pytest

from tests.campaign.judging import Entry, Told, problems, walked
from tests.campaign.ledger import Effect
from tests.campaign.points import point_of, what_was_written

SOAKS = {10.0: 1.0, 50.0: 2.0, 100.0: 1.0}
WAY = [
    ("prepare", None, 0.0),
    ("shift", 10.0, 0.1),
    ("shift", 50.0, 1.2),
    ("shift", 100.0, 3.3),
    ("promote", None, 4.4),
    ("retire", None, 5.5),
]


def effects(*steps: tuple[str, float | None, float]) -> tuple[Effect, ...]:
    """Effects in their order, each decided at a later revision."""
    return tuple(
        Effect("checkout", f"rollout:r1:{2 * n}:0", n, what, "v1.1.0", weight, at)
        for n, (what, weight, at) in enumerate(steps, 1)
    )


def told(*steps: tuple[str, float | None, float], **more: Any) -> Told:
    """A release that took these steps."""
    made = effects(*steps)
    given: dict[str, Any] = {
        "id": "r1",
        "service": "checkout",
        "version": "v1.1.0",
        "previous": "v1.0.0",
        "phase": "completed",
        "ended": True,
        "course": "straight",
        "requester": "mary",
        "signers": ("ada", "grace"),
        "entries": (),
        "effects": made,
        "planned": frozenset(effect.key for effect in made),
        "cards": ("checkout v1.1.0: Complete",),
    }
    return Told(**{**given, **more})


BACK = {"phase": "rolled_back", "cards": ("Rolled back",)}
GOOD = told(*WAY)
GONE_BACK = told(*WAY[:3], ("rollback", None, 1.5), **BACK)


@pytest.mark.parametrize("good", [GOOD, GONE_BACK], ids=["forward", "back"])
def test_what_is_right_is_found_right(good: Told) -> None:
    assert problems(good, SOAKS) == []


def test_a_release_may_step_back_and_rise_again() -> None:
    again = [("shift", 10.0, 1.5), ("shift", 50.0, 2.6), ("shift", 100.0, 4.7)]
    late = [("promote", None, 5.8), ("retire", None, 6.9)]
    assert problems(told(*WAY[:3], *again, *late), SOAKS) == []


WRONG = {
    "shift v1.1.0 50 from 0 %": told(WAY[0], WAY[2], *WAY[3:]),
    "shift v1.1.0 10 twice": told(*WAY[:2], ("shift", 10.0, 0.5), *WAY[2:]),
    "prepare twice": told(WAY[0], *WAY),
    "promote twice": told(*WAY[:5], *WAY[4:]),
    "traffic before it was prepared": told(*WAY[1:]),
    "promoted at 50 %": told(*WAY[:3], *WAY[4:]),
    "after a soak of 0.50 s instead of 1": told(*WAY[:2], ("shift", 50.0, 0.6), *WAY[3:]),
    "shift v1.1.0 100 after the rollback": told(*WAY[:3], ("rollback", None, 1.5), WAY[3], **BACK),
    "without an intent": replace(GOOD, planned=frozenset()),
    "took effect 2 times": replace(GOOD, effects=(*GOOD.effects, GOOD.effects[-1])),
    "on the word of ['ada']": replace(GOOD, signers=("ada", "mary")),
    "never ended": replace(GOOD, ended=False, phase="soaking"),
    "ended as halted": replace(GOOD, phase="halted"),
    "although most requests failed": replace(GOOD, course="broken"),
    "completed with ['prepare', 'promote'] alone": told(*WAY[:5]),
    "said to be rolled back, and was not": told(*WAY[:3], **BACK),
    "cancelled although traffic had moved": replace(GOOD, phase="cancelled", cards=("cancelled",)),
    "has 2 cards": replace(GOOD, cards=(*GOOD.cards, *GOOD.cards)),
    "has 0 cards": replace(GOOD, cards=()),
    "which its card does not say": replace(GOOD, cards=("Soaking at 50 %",)),
    "was decided after the rollback was asked for": replace(
        GONE_BACK, entries=(Entry(5, "RollbackRequested", "soaking", "rolling_back"),)
    ),
}


@pytest.mark.parametrize("problem", WRONG)
def test_what_is_wrong_is_found(problem: str) -> None:
    assert any(problem in found for found in problems(WRONG[problem], SOAKS))


def test_what_was_under_way_when_the_rollback_was_asked_for_is_no_fault() -> None:
    asked = Entry(7, "RollbackRequested", "soaking", "rolling_back")
    assert problems(replace(GONE_BACK, entries=(asked,)), SOAKS) == []


def test_effects_that_came_twice_are_counted() -> None:
    assert walked(told(*WAY[:2], ("shift", 10.0, 0.5), *WAY[2:]), SOAKS).duplicates == 1


def test_a_commit_point_is_named_by_what_was_decided() -> None:
    audited = {
        "kind": "rollout",
        "event": '{"type":"Signed"}',
        "phase_before": "awaiting_approval",
        "phase_after": "queued",
    }
    written = [
        what_was_written('UPDATE "rollout" SET phase=?', {"phase": "queued"}),
        what_was_written("INSERT INTO outbox (key) VALUES (?)", {"effect": '{"type":"X"}'}),
        what_was_written("INSERT INTO audit (id) VALUES (?)", audited),
    ]
    assert point_of(written) == "rollout Signed awaiting_approval>queued"


def test_a_commit_point_without_a_decision_is_named_by_what_it_writes() -> None:
    written = [
        what_was_written("UPDATE outbox SET state=?", {"state": "claimed"}),
        what_was_written("UPDATE rollout SET lease_owner=?", {}),
    ]
    assert point_of(written) == "change rollout + outbox claimed"
    assert what_was_written("SELECT 1", {}) == ""
