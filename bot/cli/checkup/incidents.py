"""Whether incidents would reach somebody: the escalation, the pager, the tickets."""

from bot.calling import lacking
from bot.cli.checkup.finding import Finding
from bot.domain.documents import nearest
from bot.domain.incident_rules import IncidentsDocument
from bot.settings import Settings

AREA = "incidents"


def calling(settings: Settings) -> list[Finding]:
    """What is amiss with who is called. Nobody is called to find it out."""
    config = settings.config
    known = {*config.roles, *config.people}
    findings = []
    for name in config.incidents.escalation:
        if name not in known:
            hint = nearest(name, known) or "add it under `roles:`"
            text = "is neither a role nor a person, so nobody is called in its turn"
            findings.append(Finding(AREA, f"escalation, {name}", "fail", text, f"{hint}."))
    said = config.paging is not None or config.incidents != IncidentsDocument()
    if said and not config.incidents.escalation:
        do = "Name roles or people under `incidents: {escalation: [...]}`, in their order."
        text = "nobody is called when an incident is not acknowledged; it is said in the channel"
        findings.append(Finding(AREA, "escalation", "warn", text, do))
    lacks = [Finding(AREA, name, "fail", problem, do) for name, problem, do in lacking(settings)]
    return [*findings, *lacks]
