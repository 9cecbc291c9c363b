"""Whether incidents would reach somebody: the escalation, the pager, the tickets, the runbooks."""

from collections.abc import Iterator, Mapping

from bot.calling import lacking
from bot.cli.checkup.finding import Finding
from bot.domain.documents import nearest
from bot.domain.incident_rules import IncidentsDocument
from bot.domain.plan import Plan
from bot.domain.runbooks import Runbooks
from bot.settings import Settings

AREA = "incidents"


def calling(settings: Settings, plans: Mapping[str, Plan]) -> list[Finding]:
    """What is amiss with who is called. Nobody is called to find it out.

    plans: those by which services are released.
    """
    config = settings.config
    findings = [*_strangers(settings, "escalation", config.incidents.escalation)]
    for name, plan in sorted(plans.items()):
        own = plan.sections.incident
        if own is not None:
            findings += _strangers(settings, f"{name}, escalation", own.escalation)
    said = config.paging is not None or config.incidents != IncidentsDocument()
    if said and not config.incidents.escalation:
        do = "Name roles or people under `incidents: {escalation: [...]}`, in their order."
        text = "nobody is called when an incident is not acknowledged; it is said in the channel"
        findings.append(Finding(AREA, "escalation", "warn", text, do))
    lacks = [Finding(AREA, name, "fail", problem, do) for name, problem, do in lacking(settings)]
    return [*findings, *lacks]


def _strangers(settings: Settings, where: str, names: tuple[str, ...]) -> Iterator[Finding]:
    known = {*settings.config.roles, *settings.config.people}
    for name in names:
        if name not in known:
            do = nearest(name, known) or "Add it under `roles:`."
            text = "is neither a role nor a person, so nobody is called in its turn"
            yield Finding(AREA, f"{where}, {name}", "fail", text, do)


def steps(runbooks: Runbooks, plans: Mapping[str, Plan]) -> list[Finding]:
    """Which runbooks there are, and plans that name one that is not there."""
    listed = ", ".join(sorted(runbooks)) or "none"
    findings = [Finding(AREA, "runbooks", "ok", listed)]
    for name, plan in sorted(plans.items()):
        wanted = plan.sections.incident.runbook if plan.sections.incident is not None else ""
        if wanted and wanted not in runbooks:
            text = f"names the runbook {wanted!r}, which is not there; one is chosen by what broke"
            do = nearest(wanted, runbooks) or "Put it into a folder under `runbooks:`."
            findings.append(Finding(AREA, f"{name}, runbook", "warn", text, do))
    return findings
