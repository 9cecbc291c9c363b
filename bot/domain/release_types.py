"""Kinds of releases: a hotfix, a feature, a major one, and what else is true of it.

A type and labels only ever add: a seat that the plan has already is not asked for twice, and none
is taken away. Which plan a type is released by is the configuration's business.
"""

from collections.abc import Iterable

import msgspec

from bot.domain.documents import DocumentError, nearest
from bot.domain.plan import Approval, Plan
from bot.domain.plan_calendar import MAINTENANCE
from bot.domain.rollout import Rollout

TYPES = ("hotfix", "feature", "major")
"""The types that every installation knows."""

MOST_SEATS = 20


def known_types(*plans: Plan) -> tuple[str, ...]:
    """The types that can be asked for: the usual ones and those of these plans."""
    own = (name for plan in plans for name in plan.sections.types)
    return tuple(dict.fromkeys((*TYPES, *own)))


def known_labels(*plans: Plan) -> tuple[str, ...]:
    """The labels that these plans know."""
    own = (name for plan in plans for name in plan.sections.labels)
    windows = (MAINTENANCE for plan in plans if MAINTENANCE in plan.calendar.openings)
    return tuple(dict.fromkeys((*own, *windows)))


def implied_type(plan: Plan) -> str:
    """The type that a plan is for, where it is for exactly one."""
    found = [name for name in plan.use_for if name in TYPES]
    return found[0] if len(found) == 1 else ""


def suits(plan: Plan, type_: str) -> bool:
    """Whether a plan may be taken for a type without being asked for by name.

    A plan whose `use_for` names no type takes all of them; one that does takes those it names.
    """
    meant = {name for name in plan.use_for if name in TYPES}
    return not type_ or not meant or type_ in meant or type_ in plan.sections.types


def label_problem(plan: Plan, labels: Iterable[str]) -> str | None:
    """Why a label can't be taken, None when all can. A label that nobody knows adds no seat."""
    known = known_labels(plan)
    for label in labels:
        if label not in known:
            hint = nearest(label, known) or "it has no labels"
            return f"{plan.name} knows no label {label!r}; {hint}"
    return None


def added_seats(plan: Plan, type_: str, labels: Iterable[str]) -> tuple[str, ...]:
    """The roles that a type and labels ask for in addition, each once."""
    sections = plan.sections
    wanted = [*sections.types.get(type_, ())]
    wanted += [role for label in labels for role in sections.labels.get(label, ())]
    return tuple(role for role in dict.fromkeys(wanted) if role not in plan.approval.roles)


def approval_of(plan: Plan, type_: str, labels: Iterable[str]) -> Approval:
    """Who signs a release of this type with these labels."""
    more = added_seats(plan, type_, labels)
    return msgspec.structs.replace(plan.approval, roles=(*plan.approval.roles, *more))


def approval_for(rollout: Rollout) -> Approval:
    """Who signs this release; in an unsigned environment only those whom type and labels add."""
    rule = approval_of(rollout.the_plan, rollout.type, rollout.labels)
    if rollout.environment not in rollout.the_plan.sections.unsigned:
        return rule
    added = added_seats(rollout.the_plan, rollout.type, rollout.labels)
    return msgspec.structs.replace(rule, roles=added, any=0, optional=())


def check(plan: Plan) -> None:
    """That everything together can be signed by somebody. Raises DocumentError."""
    sections = plan.sections
    for key, named in (("types", sections.types), ("labels", sections.labels)):
        for name, roles in named.items():
            if not roles:
                hint = "list the roles that sign in addition, or leave it out"
                raise DocumentError((key, name), "adds nobody", hint)
    for type_ in ("", *sections.types):
        seats = approval_of(plan, type_, sections.labels).seats
        if seats > MOST_SEATS:
            raise DocumentError(("labels",), f"with all of them {seats} people would have to sign")
