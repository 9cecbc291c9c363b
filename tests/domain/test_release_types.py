"""Types and labels add seats, each once, and are part of what is signed."""

from datetime import timedelta

import msgspec
import pytest

from bot.domain.approvals import recheck
from bot.domain.documents import DocumentError
from bot.domain.events import PreflightPassed
from bot.domain.people import Actor
from bot.domain.plan import Approval, Plan
from bot.domain.plan_compile import compile_plan
from bot.domain.plan_sections import Sections
from bot.domain.release_types import (
    approval_for,
    approval_of,
    implied_type,
    known_types,
    label_problem,
    suits,
)
from bot.domain.rollout import Phase, Rollout
from tests.domain.builders import ARTIFACT, GRACE, MARY, OLD, fresh, plan, signed, step
from tests.domain.going import PLAN as DOCUMENT

SECTIONS = Sections(
    types={"major": ("product",), "urgent": ("security",)},
    labels={"sensitive": ("security",), "user-facing": ("product", "support")},
)
RULE = Approval(("operations", "product"), 1, True, timedelta(hours=1), timedelta(hours=1))
TYPED = plan(sections=SECTIONS, approval=RULE, use_for=("feature", "risky"))


@pytest.mark.parametrize(
    ("type_", "labels", "roles"),
    [
        ("", (), ("operations", "product")),
        ("major", (), ("operations", "product")),
        ("urgent", (), ("operations", "product", "security")),
        ("urgent", ("sensitive",), ("operations", "product", "security")),
        ("", ("user-facing", "sensitive"), ("operations", "product", "support", "security")),
        ("feature", (), ("operations", "product")),
    ],
)
def test_a_role_that_signs_anyway_is_not_asked_twice(
    type_: str, labels: tuple[str, ...], roles: tuple[str, ...]
) -> None:
    rule = approval_of(TYPED, type_, labels)
    assert rule.roles == roles
    assert (rule.any, rule.comment_required) == (1, True)


@pytest.mark.parametrize(
    ("use_for", "type_", "fits"),
    [
        (("feature",), "feature", True),
        (("feature",), "hotfix", False),
        (("feature",), "urgent", True),
        (("feature",), "", True),
        (("risky",), "hotfix", True),
        ((), "major", True),
    ],
)
def test_a_plan_for_one_type_is_not_taken_for_another(
    use_for: tuple[str, ...], type_: str, fits: bool
) -> None:
    assert suits(plan(sections=SECTIONS, use_for=use_for), type_) is fits


def test_a_plan_for_exactly_one_type_gives_a_release_that_type() -> None:
    assert implied_type(TYPED) == "feature"
    assert implied_type(plan(use_for=("feature", "major"))) == ""
    assert implied_type(plan()) == ""
    assert known_types(TYPED) == ("hotfix", "feature", "major", "urgent")


def test_a_label_that_nobody_knows_is_a_mistake() -> None:
    assert label_problem(TYPED, ["sensitive"]) is None
    assert label_problem(TYPED, ["sensitiv"]) == (
        "test knows no label 'sensitiv'; did you mean 'sensitive'?"
    )
    assert label_problem(plan(), ["x"]) == "test knows no label 'x'; it has no labels"


def test_a_role_that_is_not_waited_for_may_sign_and_fills_no_seat() -> None:
    rule = Approval(("operations",), 1, False, RULE.expires, RULE.remind, optional=("legal",))
    waiting = step(fresh(plan(approval=rule)), PreflightPassed(ARTIFACT, OLD, "q1"))
    lena = Actor("lena", "U0LENA", ("legal",))
    waiting = step(waiting, signed(GRACE, waiting))
    with_legal = step(waiting, signed(lena, waiting))
    assert with_legal.request is not None
    assert [each.person for each in with_legal.request.signatures] == ["grace", "lena"]
    only = Approval(("operations", "security"), 0, False, RULE.expires, RULE.remind, ("legal",))
    waiting = step(fresh(plan(approval=only)), PreflightPassed(ARTIFACT, OLD, "q1"))
    after = step(waiting, signed(lena, waiting))
    assert after.request is not None
    assert after.request.missing == ("operations", "security")
    assert after.request.signed_by("lena")
    kept = recheck(after.request, {"lena": ("legal",)})
    assert kept.signed_by("lena")
    assert not recheck(after.request, {"lena": ("product",)}).signed_by("lena")


def asked(the_plan: Plan, type_: str, labels: tuple[str, ...]) -> str:
    begun: Rollout = msgspec.structs.replace(fresh(the_plan), type=type_, labels=labels)
    waiting = step(begun, PreflightPassed(ARTIFACT, OLD, "q1"))
    assert waiting.request is not None
    assert waiting.request.excluded == (MARY.person,)
    return waiting.request.digest


def test_what_is_signed_names_the_type_and_the_labels() -> None:
    kinds = [("", ()), ("major", ()), ("urgent", ()), ("", ("sensitive",)), ("", ("user-facing",))]
    assert len({asked(TYPED, *kind) for kind in kinds}) == len(kinds)
    both = [("", ("sensitive", "user-facing")), ("", ("user-facing", "sensitive"))]
    assert len({asked(TYPED, *kind) for kind in both}) == 1


@pytest.mark.requirement("S-011")
@pytest.mark.parametrize(("environment", "seats"), [("development", 0), ("production", 2)])
def test_nobody_has_to_sign_on_development_where_the_plan_says_so_and_nowhere_else(
    environment: str, seats: int
) -> None:
    plan = compile_plan({**DOCUMENT, "unsigned": ["development"], "labels": {"secret": ["ciso"]}})
    rollout = msgspec.structs.replace(fresh(plan), environment=environment)
    assert approval_for(rollout).seats == seats
    marked = msgspec.structs.replace(rollout, labels=("secret",))
    assert approval_for(marked).seats == seats + 1


@pytest.mark.parametrize("name", ["production", "staging"])
def test_only_development_can_go_without_signatures(name: str) -> None:
    with pytest.raises(DocumentError, match="unsigned"):
        compile_plan({**DOCUMENT, "unsigned": [name]})


@pytest.mark.parametrize(("environment", "then"), [
    ("development", Phase.QUEUED), ("production", Phase.AWAITING_APPROVAL),
])  # fmt: skip
def test_a_release_that_nobody_has_to_sign_is_queued_at_once(environment: str, then: Phase) -> None:
    plan = compile_plan({**DOCUMENT, "unsigned": ["development"]})
    asked = msgspec.structs.replace(fresh(plan), environment=environment)
    assert step(asked, PreflightPassed(ARTIFACT, OLD, "q1")).phase is then
