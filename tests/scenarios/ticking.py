"""Hands for what has to be done before a release is signed."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from bot.domain import checklists
from bot.domain.events import ChecksRequested, ItemTicked
from bot.domain.people import Actor
from bot.domain.rollout import Phase, Rollout
from bot.ports import Target
from bot.practice.shop import Counter, Installed, release_of
from tests.scenarios.seeing import Seeing

if TYPE_CHECKING:
    from tests.scenarios.world import World

PEOPLE: Mapping[str, str] = {"release_manager": "mary", "security": "ada", "product": "alan"}
"""Who ticks what only a role may tick; everything else is grace's."""


class Ticking(Seeing):
    """What a team does before it asks for signatures."""

    async def prepared(self) -> Rollout:
        """The artifact is live where it comes from and everything is ticked: now it is signed."""
        world = cast("World", self)
        rollout = await world.until_that(
            lambda r: r.looked or r.phase is not Phase.PREFLIGHT or r.ended
        )
        if rollout.phase is Phase.PREFLIGHT and checklists.STAGING_LIVE in rollout.checks:
            source = rollout.the_plan.sections.preflight.promote_from
            self.live_in(source, rollout.version, rollout.service)
            mary = Actor("mary", "U0MARY", ("release_manager",))
            await world.bot.engine.apply(rollout.id, ChecksRequested(mary))
            await world.settle()
            rollout = await world.rollout(rollout.id)
        while rollout.phase is Phase.PREFLIGHT and (item := next_by_hand(rollout)) is not None:
            role = item.by[0] if item.by else "operations"
            person = PEOPLE.get(role, "grace")
            actor = Actor(person, self.user_id(person), item.by or (role,))
            tick = ItemTicked(actor, item.key, True, item.ask or a_number(item.value))
            await world.bot.engine.apply(rollout.id, tick)
            rollout = await world.rollout(rollout.id)
        return await world.until(Phase.AWAITING_APPROVAL)

    def live_in(self, environment: str, version: str, service: str = "checkout") -> None:
        """This version is what runs in another environment."""
        world = cast("World", self)
        shop, now = world.shops[Target(service, environment)], world.clock.timestamp()
        shop.current = Installed(release_of(version), 0, now, Counter(now))


def next_by_hand(rollout: Rollout) -> checklists.Item | None:
    """An item that a person ticks; stages come in their order."""
    for item in checklists.open_required(rollout):
        by_hand = not item.follows and not checklists.automatic(rollout, item)
        if by_hand and checklists.waits_for(rollout, item) is None:
            return item
    return None


def a_number(rule: str) -> str:
    """A number that satisfies a limit: above `> 80%`, below `< 5ms`."""
    found = re.search(r"([0-9.]+)(.*)", rule)
    if found is None:
        return ""
    return f"{float(found[1]) * (1.01 if rule.startswith('>') else 0.5):g}{found[2]}"
