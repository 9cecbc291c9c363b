"""Rollouts with checklists, before anybody signs."""

from typing import Any

from bot.domain.events import ItemTicked, PreflightPassed
from bot.domain.people import Actor
from bot.domain.plan import Plan
from bot.domain.plan_sections import (
    ChecklistDocument,
    ItemDocument,
    PreflightDocument,
    Sections,
)
from bot.domain.rollout import Rollout
from tests.domain.builders import ADA, ARTIFACT, OLD, fresh, plan, step

CODE = ChecklistDocument(
    title="The code",
    items=(
        ItemDocument(id="tests", text="The tests pass", check="tests"),
        ItemDocument(id="scan", text="The scan is clean", by=("security",)),
        ItemDocument(id="nice", text="Somebody likes it", optional=True),
    ),
)
LATER = ChecklistDocument(
    items=(
        ItemDocument(id="told", text="Customers were told"),
        ItemDocument(id="half", text="Half went well", wave="p50"),
        ItemDocument(id="odd", text="Of a wave that is not there", wave="p7"),
    )
)


def prepared(checks: tuple[str, ...] = (), **preflight: Any) -> Rollout:
    """The target was seen, the checklists are open."""
    first = PreflightPassed(ARTIFACT, OLD, "q1", checks)
    return step(fresh(with_lists(**preflight)), first)


def with_lists(**preflight: Any) -> Plan:
    asked = PreflightDocument(**({"checklists": ("code",)} | preflight))
    return plan(sections=Sections(preflight=asked, checklists={"code": CODE, "later": LATER}))


def tick(key: str, actor: Actor = ADA, **fields: Any) -> ItemTicked:
    return ItemTicked(actor, key, fields.pop("ok", True), **fields)


def ready(rollout: Rollout) -> Rollout:
    """Everything required is ticked by people."""
    return step(step(rollout, tick("code/tests")), tick("code/scan"))


def asked(rollout: Rollout) -> Rollout:
    """Everything required is ticked, and signatures are asked for."""
    return step(ready(rollout), PreflightPassed(ARTIFACT, OLD, "q2"))
