"""Who gets notices by e-mail, beside those in the file: added and taken out by people with a role.

What is answered is shown to nobody else: these are addresses of customers.
"""

import re
from collections.abc import Sequence

from bot.domain.addresses import is_address, same
from bot.domain.leaving import Leaving
from bot.domain.people import Actor
from bot.engine.subscribers import THEMSELVES, Subscribed
from bot.slack.phases import token
from bot.slack.replies import Reply
from commands.context import Call, Refuse, Verb, unknown
from commands.parser import Argument, Grammar

SHOWN = 30
"""Lines of a list; a channel is no place to read more."""

_LINK = re.compile(r"<mailto:([^|>]+)(?:\|[^>]*)?>")
"""How Slack writes an address that somebody typed."""

_WHO = Argument("address", "whose", required=True)
_SERVICE = Argument("service", "about which service; about all of them unless said otherwise")


async def _subscribe(call: Call) -> Reply:
    actor, address, service = await _asked(call)
    await call.context.subscribers.join(address, service, actor.person)
    return Reply(f"{address} gets notices {_about(service)} from now on.")


async def _unsubscribe(call: Call) -> Reply:
    actor, address, service = await _asked(call)
    await call.context.subscribers.leave(Leaving(address, service), actor.person)
    return Reply(
        f"{address} gets no more notices {_about(service)}, whatever the file of recipients says."
    )


async def _subscribers(call: Call) -> Reply:
    await _with_a_role(call)
    service = _service(call)
    found = await call.context.subscribers.listed(service)
    if not found:
        return Reply("Nobody was added or has left; those in the file of recipients get notices.")
    lines = [_line(each) for each in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"and {len(found) - SHOWN} more")
    return Reply("\n".join(lines))


async def _asked(call: Call) -> tuple[Actor, str, str]:
    """Who asks, about which address and service. Raises Refuse."""
    actor = await _with_a_role(call)
    typed = call.parsed.get("address")
    found = _LINK.fullmatch(typed)
    address = found[1] if found else typed
    if not is_address(address):
        raise Refuse(f"`{address}` is not an address like ada@example.com.")
    return actor, same(address), _service(call)


async def _with_a_role(call: Call) -> Actor:
    actor = await call.context.actor(call.intent)
    if not actor.roles:
        raise Refuse("Only somebody with a role sees and changes who gets notices.")
    return actor


def _service(call: Call) -> str:
    name, known = call.parsed.get("service"), call.context.catalogue.services()
    if name and name not in known:
        raise unknown(f"I know no service {name!r}", name, known)
    return name


def _line(each: Subscribed) -> str:
    verb = "gets notices" if each.wanted else "wants no notices"
    by = "by their own link" if each.by == THEMSELVES else f"by @[{each.by}]"
    return f"• {each.address} {verb} {_about(each.service)}, {by}, {token(each.at)}"


def _about(service: str) -> str:
    return f"about {service}" if service else "about everything"


VERBS: Sequence[Verb] = (
    Verb(
        "subscribe",
        "Send notices by e-mail to somebody who asked for them.",
        _subscribe,
        Grammar((_WHO, _SERVICE)),
    ),
    Verb(
        "unsubscribe",
        "Send somebody no more notices by e-mail.",
        _unsubscribe,
        Grammar((_WHO, _SERVICE)),
    ),
    Verb(
        "subscribers",
        "Who was added to the recipients of notices, and who has left.",
        _subscribers,
        Grammar((_SERVICE,)),
        reads=True,
    ),
)
