"""Every verb, in the order in which help shows them."""

from collections.abc import Mapping

from bot.domain.documents import nearest
from bot.slack.replies import Reply
from commands import (
    acting,
    aftercare,
    checklist,
    chores,
    holds,
    incident,
    incident_after,
    looking,
    notices,
    reporting,
    responding,
    rollback,
    start,
    subscribers,
)
from commands.context import Names, Refuse, Verb

RELEASE: tuple[Verb, ...] = (
    *start.VERBS,
    *looking.VERBS,
    *checklist.VERBS,
    *acting.VERBS,
    *holds.VERBS,
    *aftercare.VERBS,
    *reporting.VERBS,
    *responding.VERBS,
    *chores.VERBS,
)
ROLLBACK: Verb = rollback.VERB

FAMILIES: Mapping[str, tuple[Verb, ...]] = {
    "release": RELEASE,
    "incident": (*incident.VERBS, *incident_after.VERBS),
    "notice": (*notices.VERBS, *subscribers.VERBS),
}
"""The slash commands that have verbs, by the name that `Names` has for them."""

_BY_NAME: Mapping[str, Mapping[str, Verb]] = {
    family: {name: verb for verb in verbs for name in (verb.name, *verb.aliases)}
    for family, verbs in FAMILIES.items()
}


def family_of(command: str, names: Names) -> str:
    """Which family of verbs a slash command has: /incident -> incident."""
    return next((each for each in FAMILIES if getattr(names, each) == command), "release")


def release_verb(name: str, names: Names) -> Verb:
    """The verb of /release by its name. Raises Refuse with the nearest one."""
    return verb_of("release", name, names)


def verb_of(family: str, name: str, names: Names) -> Verb:
    """A verb of a slash command by its name. Raises Refuse with the nearest one."""
    verb = _BY_NAME[family].get(name)
    if verb is None:
        command = getattr(names, family)
        hint = nearest(name, [verb.name for verb in FAMILIES[family]])
        what = "; ".join(part for part in (f"I don't know `{command} {name}`", hint) if part)
        end = "" if what.endswith("?") else "."
        raise Refuse(f"{what}{end} `{command} help` lists all.")
    return verb


def help_text(names: Names, word: str = "", family: str = "release") -> Reply:
    """What can be typed, made from the table of verbs. word: of this verb alone, with its options.

    Raises Refuse for a verb that is not there.
    """
    command = getattr(names, family)
    if word:
        verb = verb_of(family, word, names)
        return Reply(f"`{verb.usage(command)}`\n{verb.summary}{_parts(verb)}")
    lines = [f"`{command} {verb.name}` {verb.summary}" for verb in FAMILIES[family]]
    if family == "release":
        lines.append(f"`{ROLLBACK.usage(names.rollback)}` {ROLLBACK.summary}")
    lines.append(f"`{command} help VERB` says what a verb takes.")
    lines.append(f"`{command}` alone opens a form.")
    return Reply("\n".join(lines))


def _parts(verb: Verb) -> str:
    grammar = verb.grammar
    named = [(argument.name, argument.help) for argument in grammar.arguments]
    named += [(f"--{option.name}", option.help) for option in grammar.options]
    return "".join(f"\n• {name}: {words}" for name, words in named)
