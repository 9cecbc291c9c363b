"""Of whom a wave's traffic is a share, and by what the side of a request is chosen.

A wave's `audience` narrows its share: 10 % for the beta group is a tenth of the beta group, and
nobody else. `shift:` names the feature flag that chooses the side, and by what somebody is kept on
it. All of that is done by the deployer, which says whether it can; what it can't is said to people
before they sign, and a plan may refuse to go without it (`needs`).
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import msgspec

from bot.domain.plan import Plan, Wave
from bot.domain.units import format_weight

if TYPE_CHECKING:
    from bot.domain.rollout import Rollout

EVERYBODY = frozenset({"", "all", "everybody", "everyone"})
"""Words of `audience` that narrow nothing."""

ABILITIES = {
    "audience": "narrowing a share to an audience",
    "flag": "turning a feature flag",
    "sticky": "keeping somebody on one side",
}
"""What a deployer may be able to do, and how that is called for people."""


class Routing(msgspec.Struct, frozen=True):
    """What goes with a change at a target. All empty: by weight, of everybody.

    audience: of whom the weight is a share; flag: the feature flag that chooses the side; sticky:
    by what somebody is kept on one side, such as user: whoever was in at 10 % is in at 25 %.
    """

    audience: str = ""
    flag: str = ""
    sticky: str = ""


def narrows(wave: Wave) -> bool:
    """Whether a wave is for less than everybody."""
    return wave.audience.strip().lower() not in EVERYBODY


def narrowed(rollout: "Rollout") -> bool:
    """Whether the share of the present wave is one of its audience, and not of all traffic."""
    return "audience" in rollout.steers and narrows(rollout.current_wave)


def routing(rollout: "Rollout") -> Routing:
    """What the deployer is told with a change now: only what it said that it can do."""
    shift, can = rollout.the_plan.sections.shift, rollout.steers
    return Routing(
        audience=rollout.current_wave.audience if narrowed(rollout) else "",
        flag=shift.flag if shift.by == "feature_flag" and "flag" in can else "",
        sticky=shift.sticky if "sticky" in can else "",
    )


def unmet(plan: Plan, can: Collection[str]) -> list[str]:
    """What the plan does not go without, and the deployer can't do."""
    return [ABILITIES[need] for need in plan.sections.shift.needs if need not in can]


def left_out(plan: Plan, can: Collection[str]) -> Iterator[str]:
    """What the deployer will not do of what the plan says, in sentences for those who sign."""
    narrow = [wave for wave in plan.waves if narrows(wave)]
    if narrow and "audience" not in can:
        shares = " and ".join(f"{format_weight(w.traffic)} for {w.audience}" for w in narrow)
        yield f"The deployer knows no audiences: {shares} will be a share of everybody."
    shift = plan.sections.shift
    if shift.by == "feature_flag" and "flag" not in can:
        backup = f" ({shift.backup.replace('_', ' ')})" if shift.backup else ""
        yield f"The deployer turns no flag {shift.flag}: traffic is moved by weight{backup}."
    if shift.sticky and "sticky" not in can:
        yield f"The deployer keeps no {shift.sticky} on one side."
