"""The Home tab: what waits for this person, what is under way, what was released lately."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.rollout import Phase, Rollout
from bot.domain.units import format_weight
from bot.engine.presenting import Errand
from bot.slack.blocks import (
    SECTION_TEXT,
    VIEW_BLOCKS,
    Block,
    button,
    context,
    divider,
    fit,
    header,
    section,
)
from bot.slack.buttons import OPEN_CARD
from bot.slack.phases import clock_line, phase_name, token, what_next
from bot.slack.sections import artifact_words, bar
from bot.slack.text import bold, clean, cut, render

MOST = 12
"""How many rollouts a part of the tab lists."""

Accounts = Mapping[str, str]
Links = Mapping[str, str]


def home_view(
    person: str,
    waiting: Sequence[Rollout],
    live: Sequence[Rollout],
    recent: Sequence[Rollout],
    now: datetime,
    *,
    accounts: Accounts,
    links: Links,
    errands: Sequence[tuple[Errand, str]] = (),
) -> Block:
    """The view for views.publish.

    waiting: what waits for signatures; shown is what this person may still sign. live: all that is
    under way. recent: the newest first. Nothing is listed twice. links: rollout id -> the
    address of its card. errands: what else waits for them, each with the address of its card.
    """
    mine = [rollout for rollout in waiting if _may_sign(rollout, person)]
    listed = {rollout.id for rollout in mine}
    going = [each for each in (*live, *waiting) if not _seen(each, listed)]
    over = [each for each in recent if not _seen(each, listed)]
    nothing = "Nothing waits for you." if not errands else ""
    asked = _part("Waiting for you", mine, nothing, accounts, links, now)
    asked += [_errand(errand, url, accounts) for errand, url in errands[:MOST]]
    under_way = _part("Under way", going, "Nothing is under way.", accounts, links, now)
    done = _part("Lately", over, "Nothing has been released yet.", accounts, links, now)
    hello = context(render(f"For @[{person}] · updated {token(now)}", accounts))
    blocks = [*asked, divider(), *under_way, divider(), *done, divider(), hello]
    return {"type": "home", "blocks": fit(blocks, VIEW_BLOCKS)}


def _may_sign(rollout: Rollout, person: str) -> bool:
    """Whether a request is open that this person has not asked for and not signed."""
    requests = (rollout.rollback_request, None if rollout.live else rollout.request)
    return not rollout.ended and any(
        request is not None and person not in request.excluded and not request.signed_by(person)
        for request in requests
    )


def _seen(rollout: Rollout, listed: set[str]) -> bool:
    """Whether it is listed already; from now on it is."""
    before = rollout.id in listed
    listed.add(rollout.id)
    return before


def _part(
    heading: str,
    rollouts: Sequence[Rollout],
    nothing: str,
    accounts: Accounts,
    links: Links,
    now: datetime,
) -> list[Block]:
    count = f" ({len(rollouts)})" if rollouts else ""
    blocks: list[Block] = [header(f"{heading}{count}")]
    if not rollouts:
        return [*blocks, *([section(nothing)] if nothing else [])]
    for rollout in rollouts[:MOST]:
        blocks += _entry(rollout, accounts, links.get(rollout.id, ""), now)
    if len(rollouts) > MOST:
        blocks.append(context(f"… and {len(rollouts) - MOST} more"))
    return blocks


def _errand(errand: Errand, url: str, accounts: Accounts) -> Block:
    lines = [bold(errand.title), *(f"• {render(line, accounts)}" for line in errand.lines)]
    link = button("Open", OPEN_CARD, url=url, label=f"Open {clean(errand.title)}") if url else None
    return section(cut("\n".join(lines), SECTION_TEXT), accessory=link)


def _entry(rollout: Rollout, accounts: Accounts, url: str, now: datetime) -> list[Block]:
    name = bold(f"{rollout.service} {rollout.version}")
    place = render(f"to {rollout.environment}", accounts)
    share = f"{bar(rollout.weight)} {format_weight(rollout.weight)}" if rollout.live else ""
    clock = render(clock_line(rollout, now), accounts)
    lines = [f"{name} {place}: {phase_name(rollout).lower()}", share, clock]
    if rollout.phase is Phase.QUEUED and rollout.reason:
        lines.append(render(rollout.reason, accounts))
    if not rollout.ended:
        lines.append(render(what_next(rollout), accounts))
    channel = f"<#{rollout.channel}>" if rollout.channel.startswith(("C", "G")) else ""
    small = [part for part in (channel, artifact_words(rollout)) if part]
    label = f"Open {clean(rollout.service)} {clean(rollout.version)}"
    link = button("Open", OPEN_CARD, url=url, label=label) if url else None
    return [
        section("\n".join(line for line in lines if line), accessory=link),
        context(" · ".join(small)),
    ]
