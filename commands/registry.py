"""Every verb, in the order in which help shows them."""

from collections.abc import Mapping

from bot.domain.documents import nearest
from bot.slack.replies import Reply
from commands import acting, checklist, looking, reporting, responding, rollback, start
from commands.context import Names, Refuse, Verb

RELEASE: tuple[Verb, ...] = (
    *start.VERBS,
    *looking.VERBS,
    *checklist.VERBS,
    *acting.VERBS,
    *reporting.VERBS,
    *responding.VERBS,
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


def help_text(names: Names) -> Reply:
    """What can be typed, made from the table of verbs."""
    lines = [f"`{verb.usage(names.release)}` {verb.summary}" for verb in RELEASE]
    lines.append(f"`{ROLLBACK.usage(names.rollback)}` {ROLLBACK.summary}")
    lines.append(f"`{names.release}` alone opens a form.")
    return Reply("\n".join(lines))
