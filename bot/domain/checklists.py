"""The checklists of a plan, and how far a rollout has got with them.

An item is ticked by a person, by a check that the bot runs, or by what the release itself has
reached (a seat that is signed, a wave that has passed). `bot.domain.preparing` decides who may tick
what and when; here is what there is to tick.
"""

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from bot.domain.approvals import seating
from bot.domain.documents import nearest
from bot.domain.people import BOT
from bot.domain.plan import Plan
from bot.domain.plan_sections import ItemDocument
from bot.domain.rollout import Phase, Rollout, Tick
from bot.domain.units import parse_percent

STAGES = "stages"
RELEASE = "release"
"""The lists that come out of `preflight:` itself: its stages, and what it says of the release."""

STAGING_LIVE = "staging_live"
"""The check that the bot has built in: the same artifact is, or was, live where it comes from."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be ticked.

    key: list/id, unique in the plan. mirrors: the list whose end is this item's. The rest is as in
    `ItemDocument`.
    """

    key: str
    text: str
    by: tuple[str, ...] = ()
    check: str = ""
    optional: bool = False
    value: str = ""
    figure: str = ""
    ask: str = ""
    live_for: str = ""
    seat: str = ""
    wave: str = ""
    mirrors: str = ""

    @property
    def list(self) -> str:
        return self.key.partition("/")[0]

    @property
    def id(self) -> str:
        return self.key.partition("/")[2]

    @property
    def follows(self) -> bool:
        """Whether it ticks itself by what else is so: nobody ticks it, and no command does."""
        return bool(self.seat or self.wave or self.mirrors)


class Checklist(msgspec.Struct, frozen=True, kw_only=True):
    """A list. due: as in -14d.

    needed: nobody signs before its required items are done. Where that is not so, people tick them
    when they come to it, and no check runs.
    """

    id: str
    title: str
    needed: bool
    due: str = ""
    items: tuple[Item, ...] = ()


class Progress(msgspec.Struct, frozen=True):
    """How many of the required items are done."""

    done: int
    of: int


# --- what there is --------------------------------------------------------------------------


class _Same:
    """A plan as the key of what is made of it: plans are shared, and never change."""

    __slots__ = ("plan",)

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __hash__(self) -> int:
        return id(self.plan)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.plan is other.plan


def checklists_of(plan: Plan, environment: str) -> tuple[Checklist, ...]:
    """Every list of a plan for a release into `environment`, the needed ones first.

    Where the artifact comes from (`promote_from`) nothing has to be ticked.
    """
    return _checklists_of(_Same(plan), environment)


@lru_cache(maxsize=64)
def _checklists_of(same: _Same, environment: str) -> tuple[Checklist, ...]:
    """Asked for many times while one card is drawn."""
    plan = same.plan
    preflight = plan.sections.preflight
    if preflight.promote_from and preflight.promote_from == environment:
        return ()
    needed = [_list(plan, name, needed=True) for name in preflight.checklists]
    others = [name for name in plan.sections.checklists if name not in preflight.checklists]
    own = (_stages(plan), _release(plan))
    return (
        *(each for each in own if each.items),
        *needed,
        *(_list(plan, name, needed=False) for name in others),
    )


def of(rollout: Rollout) -> tuple[Checklist, ...]:
    """Every list of a rollout's plan."""
    return checklists_of(rollout.the_plan, rollout.environment)


def all_items(lists: Iterable[Checklist]) -> tuple[Item, ...]:
    return tuple(item for each in lists for item in each.items)


def item_named(lists: Iterable[Checklist], word: str) -> Item | None:
    """The item with this key, or the only one with this id."""
    items = all_items(lists)
    exact = [item for item in items if item.key == word]
    found = exact or [item for item in items if item.id == word]
    return found[0] if len(found) == 1 else None


def unknown_item(lists: Iterable[Checklist], word: str) -> str:
    """Why a word names no item, and what would."""
    items = all_items(lists)
    same = [item.key for item in items if item.id == word]
    if same:
        return f"There are several items {word!r}: {', '.join(same)}. Name the list too."
    known = {item.id for item in items} | {item.key for item in items}
    hint = nearest(word, known)
    return f"There is no item {word!r}; {hint}" if hint else f"There is no item {word!r}."


def _stages(plan: Plan) -> Checklist:
    items = tuple(_stage(plan, name) for name in plan.sections.preflight.stages)
    return Checklist(id=STAGES, title="Stages", needed=True, items=items)


def _stage(plan: Plan, name: str) -> Item:
    mirrors = name.replace("_", "-")
    words = name.replace("_", " ").capitalize()
    if mirrors in plan.sections.checklists:
        return Item(key=f"{STAGES}/{mirrors}", text=words, mirrors=mirrors)
    return Item(key=f"{STAGES}/{mirrors}", text=words, check=name)


def _release(plan: Plan) -> Checklist:
    preflight, items = plan.sections.preflight, []
    if preflight.reviews is not None:
        text = f"The code was reviewed by at least {preflight.reviews.min} people"
        items.append(Item(key=f"{RELEASE}/reviews", text=text, check="reviews"))
    if preflight.promote_from:
        text = f"The same artifact is, or was, live in {preflight.promote_from}"
        key = f"{RELEASE}/promoted"
        items.append(Item(key=key, text=text, check=STAGING_LIVE))
    return Checklist(id=RELEASE, title="This release", needed=True, items=tuple(items))


def _list(plan: Plan, name: str, *, needed: bool) -> Checklist:
    document = plan.sections.checklists[name]
    return Checklist(
        id=name,
        title=document.title or name.replace("-", " ").capitalize(),
        needed=needed,
        due=document.due,
        items=tuple(_item(plan, name, each, needed=needed) for each in document.items),
    )


def _item(plan: Plan, name: str, document: ItemDocument, *, needed: bool) -> Item:
    """An item as it is meant in this plan: of a wave that it does not have, a person has to say."""
    of_list = plan.sections.checklists[name]
    return Item(
        key=f"{name}/{document.id}",
        text=document.text,
        by=document.by or of_list.by,
        check=document.check if needed else "",
        optional=document.optional,
        value=document.value,
        figure=document.figure,
        ask=document.ask,
        live_for=document.live_for,
        seat=document.seat,
        wave=document.wave if any(w.id == document.wave for w in plan.waves) else "",
    )


# --- how far it is --------------------------------------------------------------------------


def state_of(rollout: Rollout, item: Item, lists: Iterable[Checklist]) -> Tick | None:
    """Who or what said yes or no to an item, None while nobody has."""
    if item.seat:
        return _signed(rollout, item)
    if item.wave:
        return _passed(rollout, item)
    if item.mirrors:
        return _mirrored(rollout, item, lists)
    return rollout.items.get(item.key)


def is_done(rollout: Rollout, item: Item, lists: Iterable[Checklist]) -> bool:
    state = state_of(rollout, item, lists)
    return state is not None and state.ok


def automatic(rollout: Rollout, item: Item) -> bool:
    """Whether the bot itself runs the item's check; a check without a command is a person's."""
    return bool(item.check) and item.check in rollout.checks


def required(lists: Iterable[Checklist]) -> tuple[Item, ...]:
    """What has to be done before anybody signs."""
    return tuple(
        item
        for each in lists
        if each.needed
        for item in each.items
        if not item.optional and not item.seat and not item.wave
    )


def open_required(rollout: Rollout) -> tuple[Item, ...]:
    """The required items that are not done."""
    lists = of(rollout)
    return tuple(item for item in required(lists) if not is_done(rollout, item, lists))


def progress(
    rollout: Rollout, lists: Iterable[Checklist], only: Checklist | None = None
) -> Progress:
    """How far the required items are, of all needed lists or of one list."""
    lists = tuple(lists)
    items = required(lists if only is None else (_as_needed(only),))
    return Progress(sum(is_done(rollout, item, lists) for item in items), len(items))


def enough(rollout: Rollout) -> bool:
    """Whether as many of the required items are done as the plan wants (`pass_rate`)."""
    found = progress(rollout, of(rollout))
    rate = parse_percent(rollout.the_plan.sections.preflight.pass_rate)
    return found.done * 100 >= rate * found.of


def next_stage(rollout: Rollout) -> Item | None:
    """The first stage that is not done: stages come one after the other."""
    lists = of(rollout)
    stages = (item for each in lists if each.id == STAGES for item in each.items)
    return next((s for s in stages if not is_done(rollout, s, lists)), None)


def waits_for(rollout: Rollout, item: Item) -> Item | None:
    """The stage that has to be done before a person ticks this item, None when none has."""
    stages = [each for every in of(rollout) if every.id == STAGES for each in every.items]
    first = next_stage(rollout)
    if first is None:
        return None
    its = next((s for s in stages if item in (s,) or item.list == s.mirrors), None)
    return first if its is not None and stages.index(first) < stages.index(its) else None


def checks_due(rollout: Rollout) -> tuple[Item, ...]:
    """The items whose check runs by itself now; a stage's only when those before it are done."""
    stage = next_stage(rollout)
    return tuple(
        item
        for item in all_items(of(rollout))
        if automatic(rollout, item)
        and item.key not in rollout.items
        and (item.list != STAGES or item == stage)
    )


def _as_needed(each: Checklist) -> Checklist:
    return msgspec.structs.replace(each, needed=True)


def _signed(rollout: Rollout, item: Item) -> Tick | None:
    request = rollout.request
    if request is None:
        return None
    for index, signature in seating(request.seats, request.signatures).items():
        if request.seats[index] == item.seat:
            return Tick(item.key, True, signature.person, signature.at, signature.comment)
    return None


def _passed(rollout: Rollout, item: Item) -> Tick | None:
    index = next((i for i, w in enumerate(rollout.the_plan.waves) if w.id == item.wave), None)
    over = rollout.phase in {Phase.PROMOTING, Phase.WATCHING, Phase.COMPLETED}
    if index is None or not (index < rollout.wave or over):
        return None
    left = [mark.left_at for mark in rollout.marks if mark.wave == index and mark.left_at]
    return Tick(item.key, True, BOT, left[-1], "it has passed") if left else None


def _mirrored(rollout: Rollout, item: Item, lists: Iterable[Checklist]) -> Tick | None:
    lists = tuple(lists)
    mirrored = next((each for each in lists if each.id == item.mirrors), None)
    if mirrored is None:
        return None
    items = required((_as_needed(mirrored),))
    states = [state_of(rollout, each, lists) for each in items]
    ticks = [tick for tick in states if tick is not None and tick.ok]
    if len(ticks) < len(items) or not ticks:
        return None
    last = max(ticks, key=lambda tick: tick.at)
    return Tick(item.key, True, last.person, last.at, f"all {len(items)} items are done")


def roles_asked(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """The roles of every required item that only some may tick."""
    return tuple(item.by for item in required(checklists_of(plan, "")) if item.by)
