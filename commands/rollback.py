"""/rollback: back to the version before, on a live release and on one that is complete."""

from bot.domain.rollout import Rollout
from bot.slack.replies import Reply
from commands.acts import Given, carry_out
from commands.context import WITH_TRAFFIC, Call, Refuse, Verb
from commands.parser import Argument, Grammar, Option, Parsed

GRAMMAR = Grammar(
    (
        Argument("target", "a service or a rollout's id, where it isn't clear from the channel"),
        Argument("version", "the version to take back, as a check that you mean the right one"),
        Argument("reason", "why; it is announced and kept", rest=True),
    ),
    (Option("now", "break the glass: no signatures, a reason is needed", switch=True),),
)


async def sorted_words(call: Call) -> Call:
    """Put the words where they belong: service and version may both be left out."""
    words = [call.parsed.get(name) for name in ("target", "version", "reason")]
    rest = [word for word in " ".join(words).split(" ") if word]
    found: dict[str, str] = {}
    if rest and await call.context.is_target(rest[0]):
        found["target"] = rest.pop(0)
    if rest and rest[0][:1] in "v0123456789" and "." in rest[0]:
        found["version"] = rest.pop(0)
    found["reason"] = " ".join(rest)
    return Call(call.context, call.intent, Parsed(found, call.parsed.switches))


def check_version(rollout: Rollout, version: str) -> None:
    """That the version named is the one that would be taken back. Raises Refuse."""
    if version and version.removeprefix("v") != rollout.version.removeprefix("v"):
        raise Refuse(
            f"This would take back {rollout.service} {rollout.version}, not {version}; "
            f"nothing was done. Name {rollout.version}, or no version at all."
        )


async def run(call: Call) -> Reply | None:
    """Ask for a rollback, or break the glass."""
    return await decided(await sorted_words(call))


async def decided(words: Call) -> Reply | None:
    """The same with the words in their places already."""
    rollout = await words.rollout(WITH_TRAFFIC, ended=True)
    check_version(rollout, words.parsed.get("version"))
    action = "break_glass" if "now" in words.parsed.switches else "rollback"
    given = Given(text=words.parsed.get("reason"), new_id=words.intent.id)
    await carry_out(words.context, action, rollout, words.intent, given)
    return None


VERB = Verb("", "Back to the version before, at once.", run, GRAMMAR)
