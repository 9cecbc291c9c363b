"""Checklists as people see them: on the card, in the dialog where they tick, and as a reply.

The card shows how far it is and the next few items with a button each; all of them are in the
dialog, where several are ticked at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, timedelta

from bot.domain import checklists
from bot.domain.checklists import Checklist, Item
from bot.domain.people import BOT
from bot.domain.plan import Plan
from bot.domain.policy import ButtonValue, Press
from bot.domain.preview import preview
from bot.domain.rollout import Phase, Rollout, Tick
from bot.domain.units import format_duration, format_weight
from bot.slack.blocks import (
    OPTION_TEXT,
    Block,
    actions,
    boxes,
    button,
    context,
    divider,
    header,
    modal,
    option,
    section,
    text_input,
)
from bot.slack.text import bold, clean, clock, cut, escape, mention, quote

CHECKLIST = "checklist"
"""The button that opens the dialog, and the dialog."""

CHECK_AGAIN = "check_again"
VALUE = "value:"
EVIDENCE = "evidence"
ROWS = 5
"""How many items have a button of their own on the card."""

BOXES = 10
LINE = 280
MOST_FAILED = 5
SECTION = 2900

Accounts = Mapping[str, str]
Lists = Sequence[Checklist]


# --- on the card ----------------------------------------------------------------------------


def on_card(rollout: Rollout) -> list[Block]:
    """How far the checklists are, and the next items to tick; nothing where a plan has none."""
    lists = checklists.of(rollout)
    over = rollout.phase in {Phase.REJECTED, Phase.EXPIRED, Phase.CANCELLED, Phase.ROLLED_BACK}
    if not lists or not rollout.looked or over:
        return []
    if rollout.phase is not Phase.PREFLIGHT:
        return [section(f"*Checklists* {_count(rollout, lists)}", accessory=_open(rollout))]
    return [
        section("\n".join(_summary(rollout, lists))),
        *_rows(rollout),
        actions([_open(rollout), *_again(rollout)]),
    ]


def _summary(rollout: Rollout, lists: Lists) -> Iterator[str]:
    yield f"*To be done before anybody signs:* {_count(rollout, lists)}"
    for each in lists:
        found = checklists.progress(rollout, lists, each)
        if each.needed and found.of:
            sign = "✓" if found.done == found.of else "○"
            yield f"{sign} {escape(each.title)} {found.done} of {found.of}{_due(each)}"
    failed = list(_failed(rollout, lists))
    for item, tick in failed[:MOST_FAILED]:
        why = f": {quote(tick.evidence, 160)}" if tick.evidence else ""
        yield cut(f"✗ {bold(item.text)}{why}", LINE)
    if len(failed) > MOST_FAILED:
        yield f"✗ … and {len(failed) - MOST_FAILED} more checks say no"


def _count(rollout: Rollout, lists: Lists) -> str:
    found = checklists.progress(rollout, lists)
    return f"{found.done} of {found.of}"


def _due(each: Checklist) -> str:
    return f" · due {each.due.lstrip('+-')} before the release" if each.due else ""


def _failed(rollout: Rollout, lists: Lists) -> Iterator[tuple[Item, Tick]]:
    for item in checklists.all_items(lists):
        tick = rollout.items.get(item.key)
        if tick is not None and not tick.ok:
            yield item, tick


def _rows(rollout: Rollout) -> list[Block]:
    """The next items that a person ticks with one press."""
    ours = [
        item
        for item in checklists.open_required(rollout)
        if not item.follows
        and not asks(item)
        and not checklists.automatic(rollout, item)
        and checklists.waits_for(rollout, item) is None
    ]
    return [_row(rollout, item) for item in ours[:ROWS]]


def _row(rollout: Rollout, item: Item) -> Block:
    whom = f" For {escape(' or '.join(item.by))}." if item.by else ""
    value = _value(rollout, f"yes:{item.key}")
    label = f"Done: {clean(item.text)}"
    done = button("Done", Press.TICK_ITEM, value, label=label)
    return section(cut(f"{bold(item.text)}.{whom}", LINE), accessory=done)


def _open(rollout: Rollout) -> Block:
    return button("Checklist", CHECKLIST, _value(rollout), label="Open the checklist")


def _again(rollout: Rollout) -> list[Block]:
    if all(tick.ok for tick in rollout.items.values()):
        return []
    return [
        button("Check again", CHECK_AGAIN, _value(rollout), label="Run the failed checks again")
    ]


def _value(rollout: Rollout, argument: str = "") -> str:
    return ButtonValue(rollout.id, "", rollout.generation, argument).encode()


def request_words(rollout: Rollout) -> list[Block]:
    """What those who sign a release with checklists should know, in one place."""
    lists = checklists.of(rollout)
    if not lists or rollout.phase is not Phase.AWAITING_APPROVAL:
        return []
    left = checklists.open_required(rollout)
    done = "everything required is ticked" if not left else f"{len(left)} left open by pass_rate"
    kind = " · ".join(escape(word) for word in (rollout.type, *rollout.labels) if word)
    lines = [
        f"*Asked for:* {clock(rollout.created_at)}",
        f"*Checklists:* {_count(rollout, lists)}, {done}",
        f"*Takes about:* {format_duration(_length(rollout))}",
        f"*Traffic:* {_traffic(rollout.the_plan)}",
        f"*Goes back by itself on:* {_goes_back(rollout.the_plan)}",
    ]
    return [section("\n".join([*([f"*Kind:* {kind}"] if kind else []), *lines]))]


def _length(rollout: Rollout) -> timedelta:
    return preview(rollout.the_plan, rollout.phase_since).total


def _traffic(plan: Plan) -> str:
    return " → ".join(format_weight(wave.traffic) for wave in plan.waves[:12])


def _goes_back(plan: Plan) -> str:
    found = [escape(trigger.text) for trigger in plan.triggers if trigger.do == "rollback"]
    return "; ".join(found[:6]) or "a failed gate, or when a person says so"


# --- the dialog -----------------------------------------------------------------------------


def checklist_form(rollout: Rollout, accounts: Accounts) -> Block:
    """The dialog in which items are ticked and unticked."""
    lists = checklists.of(rollout)
    if not lists or not rollout.looked:
        text = "There is nothing to tick: this plan has no checklists, or it has not looked yet."
        return modal(CHECKLIST, "Checklist", [section(text)], close="Close")
    blocks = [context(_intro(rollout, lists))]
    for each in lists:
        blocks += _part(rollout, each, lists, accounts)
    blocks.append(
        text_input(
            EVIDENCE,
            "What it rests on",
            hint="A link or a few words; kept with every item that you tick or untick now.",
            optional=True,
            most=500,
        )
    )
    return modal(CHECKLIST, "Checklist", blocks, submit="Save", metadata=_metadata(rollout, lists))


def _intro(rollout: Rollout, lists: Lists) -> str:
    name = escape(f"{rollout.service} {rollout.version} → {rollout.environment}")
    return f"{name} · {_count(rollout, lists)} done · what is ticked counts for this artifact only"


def _part(rollout: Rollout, each: Checklist, lists: Lists, accounts: Accounts) -> list[Block]:
    found = checklists.progress(rollout, lists, each)
    title = f"{each.title} · {found.done} of {found.of}" if found.of else each.title
    blocks: list[Block] = [divider(), header(clean(title))]
    small = [] if each.needed else ["not needed before signing"]
    small += [_due(each).removeprefix(" · ")] if each.due else []
    if small:
        blocks.append(context(" · ".join(small)))
    itself = [item for item in each.items if not tickable(rollout, item)]
    lines = [_line(rollout, item, lists, accounts) for item in itself]
    blocks += [section(text) for text in _sections(lines)]
    mine = [item for item in each.items if tickable(rollout, item) and not asks(item)]
    for index in range(0, len(mine), BOXES):
        some = mine[index : index + BOXES]
        blocks.append(_boxes(rollout, each, index // BOXES, some, lists))
    numbers = [item for item in each.items if tickable(rollout, item) and asks(item)]
    return [*blocks, *(_number(rollout, item) for item in numbers)]


def tickable(rollout: Rollout, item: Item) -> bool:
    """Whether a person ticks it: nothing else does."""
    itself = item.follows or checklists.automatic(rollout, item)
    return not itself and checklists.waits_for(rollout, item) is None


def asks(item: Item) -> bool:
    """Whether something has to be typed with a tick."""
    return bool(item.value or item.ask)


def _boxes(
    rollout: Rollout, each: Checklist, number: int, items: Sequence[Item], lists: Lists
) -> Block:
    options = [_option(rollout, item, lists) for item in items]
    ticked = [
        given
        for item, given in zip(items, options, strict=True)
        if checklists.is_done(rollout, item, lists)
    ]
    return boxes(f"{each.id}#{number}", "Done", options, ticked=ticked, action_id=Press.TICK_ITEM)


def _option(rollout: Rollout, item: Item, lists: Lists) -> Block:
    small = _small(item, checklists.state_of(rollout, item, lists))
    more = {"description": {"type": "plain_text", "text": cut(clean(small), OPTION_TEXT)}}
    return option(item.key, clean(item.text)) | (more if small else {})


def _small(item: Item, tick: Tick | None) -> str:
    if tick is not None and tick.ok:
        when = tick.at.astimezone(UTC).strftime("%d %b %H:%M UTC")
        return f"{tick.person}, {when}" + (f": {tick.evidence}" if tick.evidence else "")
    words = [f"for {' or '.join(item.by)}"] if item.by else []
    return ", ".join([*words, *(["where it applies"] if item.optional else [])])


def _number(rollout: Rollout, item: Item) -> Block:
    tick = rollout.items.get(item.key)
    whom = f" For {' or '.join(item.by)}." if item.by else ""
    wanted = f"The number that was found; it has to be {item.value}."
    wanted = f"Say {item.ask}." if item.ask else wanted
    return text_input(
        f"{VALUE}{item.key}",
        cut(clean(item.text), LINE),
        hint=cut(f"{wanted}{whom}", LINE),
        initial=tick.evidence if tick is not None and tick.ok else "",
        optional=True,
        most=200,
    )


def _sections(lines: Sequence[str]) -> Iterator[str]:
    """Lines in as few texts as Slack takes."""
    text = ""
    for line in lines:
        if text and len(text) + len(line) > SECTION:
            yield text
            text = ""
        text += ("\n" if text else "") + line
    if text:
        yield text


def _line(rollout: Rollout, item: Item, lists: Lists, accounts: Accounts) -> str:
    tick = checklists.state_of(rollout, item, lists)
    who = f" ({escape(' or '.join(item.by))})" if item.by else ""
    if tick is None:
        waits = "being checked" if checklists.automatic(rollout, item) else "ticks itself"
        how = waits if item.follows or checklists.automatic(rollout, item) else f"open{who}"
        first = checklists.waits_for(rollout, item)
        how = f"after {escape(first.text)}" if first is not None and not item.follows else how
        rest = ", where it applies" if item.optional else ""
        return cut(f"○ {bold(item.text)} {how}{rest}", LINE)
    sign = "✓" if tick.ok else "✗"
    by = "checked" if tick.person == BOT else f"by {mention(tick.person, accounts)}"
    why = f": {quote(tick.evidence, 120)}" if tick.evidence else ""
    return cut(f"{sign} {bold(item.text)} {by}, {clock(tick.at)}{why}", LINE)


# --- what was saved -------------------------------------------------------------------------


def _metadata(rollout: Rollout, lists: Lists) -> str:
    """The rollout, its generation, and what was ticked when the dialog opened, one bit each."""
    bits = sum(
        1 << index
        for index, item in enumerate(checklists.all_items(lists))
        if checklists.is_done(rollout, item, lists)
    )
    return f"{rollout.id}:{rollout.generation}:{bits:x}"


def saved(
    rollout: Rollout, metadata: str, fields: Mapping[str, str]
) -> list[tuple[Item, bool, str, int]]:
    """What a person changed in the dialog: item, ticked or not, evidence, generation.

    fields: as `bot.slack.modals.filled_in` reads them. What others changed meanwhile stays.
    """
    _, generation, bits = metadata.split(":")
    before = int(bits, 16)
    chosen = {key for name, text in fields.items() if "#" in name for key in text.split(",") if key}
    words = fields.get(EVIDENCE, "").strip()
    found: list[tuple[Item, bool, str, int]] = []
    for index, item in enumerate(checklists.all_items(checklists.of(rollout))):
        was = bool(before >> index & 1)
        if not tickable(rollout, item):
            continue
        number = fields.get(f"{VALUE}{item.key}", "").strip()
        now = bool(number) if asks(item) else item.key in chosen
        if now != was:
            found.append((item, now, number if asks(item) and now else words, int(generation)))
    return found


def field_of(rollout: Rollout, item: Item) -> str:
    """The field of the dialog in which an item is, for what is wrong with it."""
    if asks(item):
        return f"{VALUE}{item.key}"
    each = next(one for one in checklists.of(rollout) if one.id == item.list)
    mine = [one for one in each.items if tickable(rollout, one) and not asks(one)]
    return f"{each.id}#{mine.index(item) // BOXES}"


# --- as a reply -----------------------------------------------------------------------------


def as_reply(rollout: Rollout, accounts: Accounts) -> list[Block]:
    """All lists with the ids by which items are ticked."""
    lists = checklists.of(rollout)
    blocks: list[Block] = [context(_intro(rollout, lists))]
    for each in lists:
        found = checklists.progress(rollout, lists, each)
        of = f" {found.done} of {found.of}" if found.of else " (not needed before signing)"
        lines = [f"{bold(each.title)}{of}{_due(each)}"]
        lines += [f"{_line(rollout, i, lists, accounts)} `{i.key}`" for i in each.items]
        blocks += [section(text) for text in _sections(lines)]
    return blocks
