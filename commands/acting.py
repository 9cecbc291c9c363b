"""The verbs that act on a rollout under way: each is the typed twin of a button."""

from collections.abc import Sequence

from bot.slack.replies import Reply
from commands import aftercare
from commands.acts import ENDED, Given, carry_out
from commands.context import UNDER_WAY, Call, Refuse, Run, Verb
from commands.parser import Argument, Grammar

_TARGET = Argument("target", "a service or a rollout's id, where several are under way")


def _grammar(rest: str = "") -> Grammar:
    more = (Argument("text", rest, rest=True),) if rest else ()
    return Grammar((_TARGET, *more))


async def act(call: Call, action: str, given: Given) -> None:
    """Do one act on the rollout that the words mean. Refusals go to the person by themselves."""
    rollout = await call.rollout(ENDED.get(action, UNDER_WAY), ended=action in ENDED)
    await carry_out(call.context, action, rollout, call.intent, given)


def _acting(action: str) -> Run:
    async def run(call: Call) -> Reply | None:
        words = await _shifted(call)
        await act(words, action, Given(text=words.parsed.get("text"), new_id=call.intent.id))
        return None

    return run


async def _shifted(call: Call) -> Call:
    """`pause too slow`: the first word is no service and no id, so it belongs to the reason."""
    word = call.parsed.get("target")
    if not word or await call.context.is_target(word):
        return call
    text = " ".join(part for part in (word, call.parsed.get("text")) if part)
    parsed = type(call.parsed)({"text": text}, call.parsed.switches)
    return Call(call.context, call.intent, parsed)


async def _confirm(call: Call) -> Reply | None:
    """Answer a question: /release confirm GATE yes|no [evidence]."""
    answer = call.parsed.get("answer").lower()
    if answer not in {"yes", "no"}:
        raise Refuse("Answer yes or no: `confirm GATE yes`, with what it rests on after that.")
    gate, evidence = call.parsed.get("gate"), call.parsed.get("evidence")
    care = await aftercare.meant_by(call.context, gate, call.intent.channel)
    if care is not None:
        actor = await call.context.actor(call.intent)
        await aftercare.answer(
            call.context, care, actor, gate, answer == "yes", evidence, call.intent.id
        )
        return None
    given = Given(gate=gate, ok=answer == "yes", text=evidence)
    await act(call, "tick_item", given)
    return None


async def _choose(call: Call) -> Reply | None:
    """Choose how to go on after a pause: /release choose OPTION REASON."""
    option = call.parsed.get("option").lower().replace("-", "_")
    given = Given(gate=option, text=call.parsed.get("reason"), new_id=call.intent.id)
    await act(call, "choose", given)
    return None


VERBS: Sequence[Verb] = (
    Verb("approve", "Sign what waits for you.", _acting("approve"), _grammar("a comment")),
    Verb("reject", "Say no; the release ends.", _acting("reject"), _grammar("why")),
    Verb("withdraw", "Take your own signature back.", _acting("withdraw"), _grammar()),
    Verb("pause", "Hold where it stands. Everybody may.", _acting("pause"), _grammar("why")),
    Verb("resume", "Go on after a pause.", _acting("resume"), _grammar()),
    Verb(
        "advance",
        "Decide on thin evidence that a wave has passed.",
        _acting("advance"),
        _grammar("why"),
    ),
    Verb(
        "choose",
        "Choose how to go on when a wave has paused and its plan leaves that to people.",
        _choose,
        Grammar(
            (
                Argument("option", "one of the ways that the card shows", required=True),
                Argument("reason", "why; it is kept", rest=True),
            )
        ),
    ),
    Verb("extend", "Soak longer.", _acting("extend"), _grammar("by how much, like 10m")),
    Verb(
        "step-back",
        "Return to the wave before and hold there.",
        _acting("step_back"),
        _grammar("why"),
        aliases=("step_back", "stepback"),
    ),
    Verb("cancel", "Give up a release before traffic moves.", _acting("cancel"), _grammar("why")),
    Verb(
        "confirm",
        "Answer a question of the present wave, or of what is verified after a release.",
        _confirm,
        Grammar(
            (
                Argument("gate", "which question, as the card names it", required=True),
                Argument("answer", "yes or no", required=True),
                Argument("evidence", "what it rests on", rest=True),
            )
        ),
    ),
    Verb(
        "unquarantine",
        "Let a version that was rolled back be released again; two people say so.",
        _acting("release_quarantine"),
        _grammar(),
    ),
)
