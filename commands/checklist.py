"""The checklists before a release: looking at them, ticking, and running their checks again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from bot.domain import checklists
from bot.domain.decisions import decide
from bot.domain.events import ItemTicked, Whisper
from bot.domain.rollout import Phase, Rollout
from bot.engine.intents import Intent
from bot.slack import checklists as dialog
from bot.slack.modals import filled_in
from bot.slack.replies import Reply
from commands.acts import Given, carry_out
from commands.context import Call, Context, Meant, Refuse, Verb
from commands.parser import Argument, Grammar, Option

_FOR = Option("for", "a service or a rollout's id, where several are under way")
_ITEM = Argument("item", "the item, as `checklist` names it", required=True)


def _has_lists(rollout: Rollout) -> bool:
    return rollout.looked and bool(checklists.of(rollout))


WITH_LISTS: Sequence[Meant] = (
    lambda r: r.phase is Phase.PREFLIGHT and _has_lists(r),
    lambda r: not r.ended and _has_lists(r),
    lambda r: r.phase is Phase.COMPLETED and _has_lists(r),
    lambda r: not r.ended,
)
"""Which rollout a tick means: one that waits for it, else one under way, else the last one."""


async def _rollout(call: Call) -> Rollout:
    """The rollout whose lists are meant. Raises Refuse where there is none."""
    word = call.parsed.get("for") or call.parsed.get("target")
    rollout = await call.context.which(word, call.intent.channel, WITH_LISTS, ended=True)
    if not checklists.of(rollout):
        raise Refuse(
            f"{rollout.service} {rollout.version} has no checklists: its plan, "
            f"{rollout.the_plan.name}, has none for {rollout.environment}."
        )
    if not rollout.looked:
        raise Refuse(f"{rollout.service} {rollout.version} is still being looked up; try again.")
    return rollout


def _key(rollout: Rollout, word: str) -> str:
    lists = checklists.of(rollout)
    item = checklists.item_named(lists, word)
    if item is None:
        raise Refuse(checklists.unknown_item(lists, word))
    return item.key


async def _tick(call: Call, *, ok: bool) -> Reply | None:
    rollout = await _rollout(call)
    key, words = _key(rollout, call.parsed.get("item")), call.parsed.get("evidence")
    given = Given(gate=key, ok=ok, text=words, generation=rollout.generation)
    await carry_out(call.context, "tick_item", rollout, call.intent, given)
    return None


async def _ticked(call: Call) -> Reply | None:
    """Say that an item is done."""
    return await _tick(call, ok=True)


async def _unticked(call: Call) -> Reply | None:
    """Take a tick back."""
    return await _tick(call, ok=False)


async def _check(call: Call) -> Reply | None:
    """Run the checks again that said no, or that of one item."""
    rollout = await _rollout(call)
    word = call.parsed.get("item")
    given = Given(gate=_key(rollout, word) if word else "")
    await carry_out(call.context, "check_again", rollout, call.intent, given)
    return None


async def _show(call: Call) -> Reply:
    """All lists with who ticked what."""
    rollout = await _rollout(call)
    found = checklists.progress(rollout, checklists.of(rollout))
    text = f"{rollout.service} {rollout.version}: {found.done} of {found.of} done."
    return Reply(text, blocks=dialog.as_reply(rollout, accounts(call.context)))


def accounts(context: Context) -> Mapping[str, str]:
    """person -> the account by which Slack names them."""
    return {name: context.catalogue.account_of(name) for name in context.catalogue.people}


# --- the dialog -----------------------------------------------------------------------------


async def form(context: Context, rollout_id: str, intent: Intent) -> Mapping[str, object] | None:
    """The dialog of a rollout, None when there is no such rollout any more."""
    try:
        rollout = await context.which(rollout_id, intent.channel, WITH_LISTS, ended=True)
    except Refuse:
        return None
    return dialog.checklist_form(rollout, accounts(context))


def _changes(rollout: Rollout, intent: Intent) -> list[tuple[str, Given]]:
    """(field, what to do) of each item that was changed in the dialog."""
    found = dialog.saved(rollout, intent.private_metadata, filled_in(intent.values))
    return [
        (
            dialog.field_of(rollout, item),
            Given(gate=item.key, ok=ok, text=words, generation=generation),
        )
        for item, ok, words, generation in found
    ]


async def _of(context: Context, intent: Intent) -> Rollout:
    return await context.which(
        intent.private_metadata.partition(":")[0], intent.channel, WITH_LISTS, ended=True
    )


async def save(context: Context, intent: Intent) -> None:
    """Carry out what was ticked and unticked in the dialog, each on its own."""
    rollout = await _of(context, intent)
    for _, given in _changes(rollout, intent):
        one = msgspec.structs.replace(intent, id=f"{intent.id}:{given.gate}")
        await carry_out(context, "tick_item", rollout, one, replace(given, new_id=one.id))


async def problems(context: Context, intent: Intent) -> Mapping[str, str]:
    """Why something in the dialog can't be ticked, by field; the rest is not saved either."""
    rollout = await _of(context, intent)
    changes = _changes(rollout, intent)
    if not changes:
        return {}
    actor, now = await context.actor(intent), context.now()
    found: dict[str, str] = {}
    for field, given in changes:
        event = ItemTicked(actor, given.gate, given.ok, given.text, given.generation)
        after, effects = decide(rollout, event, now)
        for effect in effects:
            if isinstance(effect, Whisper):
                found[field] = f"{found[field]} {effect.text}" if field in found else effect.text
        rollout = msgspec.structs.replace(after, revision=rollout.revision + 1)
    return found


VERBS: Sequence[Verb] = (
    Verb(
        "checklist",
        "What has to be done before a release is signed, and who did it.",
        _show,
        Grammar((Argument("target", "a service or a rollout's id"),)),
        reads=True,
    ),
    Verb(
        "tick",
        "Say that an item of the checklist is done.",
        _ticked,
        Grammar((_ITEM, Argument("evidence", "what it rests on", rest=True)), (_FOR,)),
    ),
    Verb(
        "untick",
        "Take a tick back; what was signed is void then.",
        _unticked,
        Grammar((_ITEM, Argument("evidence", "why", rest=True)), (_FOR,)),
    ),
    Verb(
        "check",
        "Run the checks of the checklist again that said no, or one by name.",
        _check,
        Grammar((Argument("item", "only this one's"),), (_FOR,)),
    ),
)
