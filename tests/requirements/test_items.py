"""Every item of the documents' checklists is asked for, and nothing is signed before it is done."""

import re
from collections.abc import Collection
from functools import cache

import msgspec
import pytest

from bot.domain import checklists
from bot.domain.checklists import Item
from bot.domain.decisions import begin, decide
from bot.domain.events import ItemTicked, PreflightPassed, RunCheck
from bot.domain.people import THE_BOT, Actor
from bot.domain.rollout import Phase, Rollout
from tests.domain import builders as b
from tests.requirements.acting import plans
from tests.requirements.items import Wanted, wanted

ALL = list(wanted())


def cases(items: Collection[Wanted]) -> list[object]:
    return [
        pytest.param(each, id=each.name, marks=pytest.mark.requirement(each.row)) for each in items
    ]


def looked_at(plan: str, *checks: str) -> Rollout:
    """A release of this plan whose checklists are open; checks: those with a command."""
    rollout, _ = begin(
        rollout_id="r1",
        service="checkout",
        environment="production",
        version="v1.2.0",
        plan=plans().get(plan),
        channel="C0CHECKOUT",
        requested_by=b.MARY,
        now=b.NOW,
    )
    return looked_again(rollout, *checks)


def looked_again(rollout: Rollout, *checks: str) -> Rollout:
    return decide(rollout, PreflightPassed(b.ARTIFACT, b.OLD, "q1", checks), b.NOW)[0]


def tick(rollout: Rollout, item: Item, evidence: str | None = None, *roles: str) -> Rollout:
    """Somebody who may do so ticks an item, with what has to be said."""
    words = (item.ask or number(item.value)) if evidence is None else evidence
    person = Actor("olga", "U0OLGA", roles or item.by or ("release_manager",))
    after, _ = decide(rollout, ItemTicked(person, item.key, ok=True, evidence=words), b.NOW)
    return msgspec.structs.replace(after, revision=rollout.revision + 1)


def number(rule: str, by: float = 1.0) -> str:
    """A number that satisfies a limit, or with `by` -1 one that doesn't."""
    found = re.fullmatch(r"(>=|<=|>|<)\s*([0-9.]+)(.*)", rule)
    if found is None:
        return ""
    more = by if found[1].startswith(">") else -by
    return f"{float(found[2]) * (1 + 0.01 * more):g}{found[3]}"


@cache
def whole(plan: str) -> Rollout:
    """A release of this plan with all that is required ticked, in its order, by people."""
    rollout, before = looked_at(plan), -1
    while len(rollout.items) > before:  # a stage waits for a list that comes further down
        before = len(rollout.items)
        for item in checklists.required(checklists.of(rollout)):
            if not item.follows and item.key not in rollout.items:
                rollout = tick(rollout, item)
    return rollout


def without(rollout: Rollout, key: str) -> Rollout:
    """The same with one item open."""
    items = {name: done for name, done in rollout.items.items() if name != key}
    return msgspec.structs.replace(rollout, items=items)


def item_of(rollout: Rollout, wanted: Wanted) -> Item:
    found = checklists.item_named(checklists.of(rollout), wanted.item)
    assert found is not None, f"{wanted.plan} has no item {wanted.item}"
    return found


@pytest.mark.parametrize("each", cases([each for each in ALL if not each.optional]))
def test_nothing_is_signed_before_an_item_is_done(each: Wanted) -> None:
    rollout = without(whole(each.plan), each.item)
    item = item_of(rollout, each)
    assert looked_again(rollout).phase is Phase.PREFLIGHT
    assert item in checklists.open_required(rollout)
    assert looked_again(tick(rollout, item)).phase is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize("each", cases([each for each in ALL if each.optional]))
def test_what_does_not_always_apply_is_asked_for_and_holds_nothing_up(each: Wanted) -> None:
    rollout = whole(each.plan)
    item = item_of(rollout, each)
    assert item.key not in rollout.items
    assert looked_again(rollout).phase is Phase.AWAITING_APPROVAL
    assert tick(rollout, item).items[item.key].ok


@pytest.mark.parametrize("each", cases([each for each in ALL if each.check]))
def test_an_item_with_a_command_is_ticked_by_it_alone(each: Wanted) -> None:
    open_one = without(whole(each.plan), each.item)
    rollout = msgspec.structs.replace(open_one, looked=False, checks=())
    after, effects = decide(rollout, PreflightPassed(b.ARTIFACT, b.OLD, "q1", (each.check,)), b.NOW)
    assert RunCheck(each.item, each.check) in effects
    item = item_of(after, each)
    assert tick(after, item).items.get(item.key) is None
    evidence = number(item.value) or "all is well"
    good, _ = decide(after, ItemTicked(THE_BOT, item.key, ok=True, evidence=evidence), b.NOW)
    assert good.items[item.key].evidence == evidence
    assert good.items[item.key].ok
    bad, _ = decide(after, ItemTicked(THE_BOT, item.key, ok=False, evidence="no"), b.NOW)
    assert not bad.items[item.key].ok
    assert looked_again(bad, each.check).phase is Phase.PREFLIGHT


@pytest.mark.parametrize("each", cases([each for each in ALL if each.by]))
def test_an_item_of_a_role_is_ticked_by_nobody_else(each: Wanted) -> None:
    rollout = without(whole(each.plan), each.item)
    item = item_of(rollout, each)
    assert set(item.by) == set(each.by)
    assert item.key not in tick(rollout, item, None, "somebody_else").items


@pytest.mark.parametrize("each", cases([each for each in ALL if each.value]))
def test_a_number_has_to_reach_its_own_limit(each: Wanted) -> None:
    rollout = without(whole(each.plan), each.item)
    item = item_of(rollout, each)
    assert item.value == each.value
    for evidence in ("", "fine", number(item.value, -1.0)):
        assert item.key not in tick(rollout, item, evidence).items
    assert tick(rollout, item).items[item.key].ok


@pytest.mark.parametrize("each", cases([each for each in ALL if each.ask]))
def test_what_has_to_be_said_has_to_be_said(each: Wanted) -> None:
    rollout = without(whole(each.plan), each.item)
    item = item_of(rollout, each)
    assert item.key not in tick(rollout, item, " ").items
    assert tick(rollout, item, "CHG-4711").items[item.key].evidence == "CHG-4711"


@pytest.mark.parametrize("each", cases([each for each in ALL if each.live_for]))
def test_the_artifact_has_to_have_been_there_for_so_long(each: Wanted) -> None:
    assert item_of(looked_at(each.plan), each).live_for == each.live_for


@pytest.mark.requirement("P-001", "P-004", "X-10")
def test_all_items_and_not_most_of_them_open_the_way_into_production() -> None:
    plan = plans().get("proofile-staged")
    assert plan.sections.preflight.pass_rate == "100%"
    done = whole("proofile-staged")
    required = checklists.required(checklists.of(done))
    assert len(required) > 25
    for item in required:
        assert looked_again(without(done, item.key)).phase is Phase.PREFLIGHT
    assert looked_again(done).phase is Phase.AWAITING_APPROVAL


@pytest.mark.requirement("W-031")
def test_whispercaches_stages_come_one_after_the_other() -> None:
    order = ["pre-release", "staging-deployment", "production-approval"]
    in_order("whispercache-canary", order)


@pytest.mark.requirement("C-003", "C-005", "C-006", "C-083")
def test_crypto_watchs_stages_come_one_after_the_other() -> None:
    order = ["merged", "deploy-staging", "integration-tests", "manual-verification"]
    in_order("crypto-watch-linear", [*order, "staging-validation", "pre-production"])


def in_order(plan: str, stages: list[str]) -> None:
    """That no stage is ticked, nor anything in its list, before the one before it is done."""
    rollout = looked_at(plan)
    for index, stage in enumerate(stages):
        for later in stages[index + 1 :]:
            for item in of_stage(rollout, later):
                assert item.key not in tick(rollout, item).items
        mine = of_stage(rollout, stage)
        assert mine
        for item in mine:
            rollout = tick(rollout, item)
            assert item.key in rollout.items


def of_stage(rollout: Rollout, stage: str) -> list[Item]:
    """What people tick in a stage: the items of its list, or the stage itself."""
    items = checklists.required(checklists.of(rollout))
    listed = [item for item in items if item.list == stage]
    return listed or [item for item in items if item.key == f"stages/{stage}"]
