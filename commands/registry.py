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
    looking,
    reporting,
    responding,
    rollback,
    start,
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

_BY_NAME: Mapping[str, Verb] = {
    name: verb for verb in RELEASE for name in (verb.name, *verb.aliases)
}


def release_verb(name: str, names: Names) -> Verb:
    """The verb of /release by its name. Raises Refuse with the nearest one."""
    verb = _BY_NAME.get(name)
    if verb is None:
        hint = nearest(name, [verb.name for verb in RELEASE])
        what = "; ".join(part for part in (f"I don't know `{names.release} {name}`", hint) if part)
        end = "" if what.endswith("?") else "."
        raise Refuse(f"{what}{end} `{names.release} help` lists all.")
    return verb


def help_text(names: Names, word: str = "") -> Reply:
    """What can be typed, made from the table of verbs. word: of this verb alone, with its options.

    Raises Refuse for a verb that is not there.
    """
    if word:
        verb = release_verb(word, names)
        return Reply(f"`{verb.usage(names.release)}`\n{verb.summary}{_parts(verb)}")
    lines = [f"`{names.release} {verb.name}` {verb.summary}" for verb in RELEASE]
    lines.append(f"`{ROLLBACK.usage(names.rollback)}` {ROLLBACK.summary}")
    lines.append(f"`{names.release} help VERB` says what a verb takes.")
    lines.append(f"`{names.release}` alone opens a form.")
    return Reply("\n".join(lines))


def _parts(verb: Verb) -> str:
    grammar = verb.grammar
    named = [(argument.name, argument.help) for argument in grammar.arguments]
    named += [(f"--{option.name}", option.help) for option in grammar.options]
    return "".join(f"\n• {name}: {words}" for name, words in named)
