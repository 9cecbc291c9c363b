"""What the card says of a wave besides numbers, and the ways to go on that people choose from."""

from collections.abc import Iterator
from datetime import datetime

from bot.domain import dashboards, served_news
from bot.domain.audience import left_out, narrows
from bot.domain.choosing import words
from bot.domain.policy import Press, legal_choices
from bot.domain.ramp import climbing
from bot.domain.rollout import BEFORE_TRAFFIC, Phase, Rollout
from bot.domain.units import format_duration, format_weight
from bot.slack.blocks import Block, button, context, section
from bot.slack.phases import token
from bot.slack.text import bold, clean, escape, render

_MEANS = {
    "rollback": "for what is critical; all traffic goes back to the version before",
    "fix": "for what is minor; it is repaired, and the wave is tried again then",
    "proceed": "when only the monitoring was wrong; the wave is tried again in small steps",
    "observe": "the soak begins anew, and triggers go on watching",
    "hotfix": "a release of its own; traffic stands still meanwhile",
    "workaround": "people work around it; traffic stands still meanwhile",
}


def choices(rollout: Rollout) -> list[Block]:
    """The ways that the plan offers, each with its button; the button asks why."""
    return [
        section(
            f"{bold(words(act.value.argument).capitalize())}: {_means(act.value.argument)}.",
            accessory=button(
                "Choose",
                Press.CHOOSE,
                act.value.encode(),
                label=clean(f"Choose {words(act.value.argument)}: {rollout.service}"),
            ),
        )
        for act in legal_choices(rollout)
    ]


def _means(option: str) -> str:
    return _MEANS.get(option, "work for people; traffic stands still meanwhile")


def wave_facts(rollout: Rollout, now: datetime) -> list[Block]:
    """Whom the wave is for, who stands by, how its traffic rises, what was chosen."""
    if not rollout.live or rollout.phase is Phase.ROLLING_BACK:
        return []
    lines = [*_wave(rollout), *_standing(rollout, now), *_chosen(rollout)]
    return [context(" · ".join(lines))] if lines else []


def _wave(rollout: Rollout) -> Iterator[str]:
    wave = rollout.current_wave
    if wave.instances is not None:
        many = "all" if wave.instances == "all" else f"{wave.instances}"
        yield f"on {many} {'instance' if wave.instances == 1 else 'instances'}"
    if wave.audience:
        meant = narrows(wave) and "audience" not in rollout.steers
        yield (
            f"meant for {escape(wave.audience)}, a share of everybody"
            if meant
            else (f"for {escape(wave.audience)}")
        )
    if wave.ramp is not None and climbing(rollout):
        step, every = format_weight(wave.traffic), format_duration(wave.ramp.each)
        yield f"a step every {every}, up to {step}"
    if rollout.retry is not None:
        retried = rollout.the_plan.waves[rollout.retry]
        yield f"Resume tries {format_weight(retried.traffic)} again"


def left_out_words(rollout: Rollout) -> list[Block]:
    """What the deployer will not do of what the plan says, for those who are about to sign."""
    if rollout.phase not in BEFORE_TRAFFIC or not (rollout.looked or rollout.request):
        return []
    return [context(escape(line)) for line in left_out(rollout.the_plan, rollout.steers)]


def dashboard(rollout: Rollout) -> list[Block]:
    """The way to the plan's own dashboard."""
    place = (rollout.service, rollout.environment, rollout.version)
    url = dashboards.link(rollout.the_plan, *place)
    return [context(f"<{escape(url)}|Dashboard>")] if url else []


def served_words(rollout: Rollout) -> list[Block]:
    """Whether the service served its requests while traffic moved."""
    text = served_news.summary(rollout)
    return [context(render(text, {}, seconds=True))] if text else []


def _standing(rollout: Rollout, now: datetime) -> Iterator[str]:
    began = rollout.wave_applied_at
    for role, span in rollout.current_wave.standby.items():
        if began is not None and now < began + span:
            until = render(token(began + span), {})
            yield f"{escape(words(role))} stand by until {until}"


def _chosen(rollout: Rollout) -> Iterator[str]:
    if rollout.choices:
        last = rollout.choices[-1]
        yield f"chosen: {escape(words(last.option))}, {render(token(last.at), {})}"
