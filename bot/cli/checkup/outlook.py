"""Whether the gates of each service's plan can be settled by the traffic that it has."""

from collections.abc import Iterator

from bot.cli.checkup.finding import Finding
from bot.domain.advice import advise, parse_rate
from bot.domain.documents import DocumentError
from bot.domain.plan_compile import measured_by
from bot.plans import PlanLibrary
from bot.settings import Settings


def outlook(settings: Settings, plans: PlanLibrary) -> Iterator[Finding]:
    """A warning for each gate that can't be; nothing for services that don't say their traffic."""
    for (service, name), environment in sorted(settings.environments.items()):
        of = settings.config.services[service]
        if not of.traffic:
            continue
        try:
            plan = measured_by(plans.get(of.plan), getattr(environment.metrics, "define", {}))
        except DocumentError:  # a finding of its own, with its place in the file
            continue
        subject = f"{service} {name}, {plan.name}"
        found = advise(plan, traffic=parse_rate(of.traffic))
        for error in found:
            yield Finding("plan", subject, "warn", error.problem, f"{_begun(error.hint)}.")
        if not found:
            yield Finding("plan", subject, "ok", f"its gates can be settled at {of.traffic}")


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]
