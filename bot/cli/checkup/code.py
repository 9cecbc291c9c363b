"""Whether the code host can be asked, and what the plans ask of it."""

from collections.abc import Mapping

from bot.cli.checkup.finding import Finding
from bot.domain.plan import Plan
from bot.engine.catalogue import Catalogue
from bot.ports import PermanentError, TemporaryError
from bot.settings import Settings


async def code(
    settings: Settings, catalogue: Catalogue, plans: Mapping[str, Plan]
) -> list[Finding]:
    """Every repository, and every service whose plan asks for one that is not configured."""
    github = settings.config.github
    named = github.repositories if github is not None else {}
    findings = [
        _unasked(service, plans[of.plan])
        for service, of in settings.config.services.items()
        if service not in named and wishes(plans[of.plan])
    ]
    if github is None:
        return findings
    if catalogue.code is None:
        do = "Set COUNTERSIGN_GITHUB_TOKEN; docs/github.md says which rights it needs."
        return [*findings, Finding("github", "token", "fail", "there is none", do)]
    for repository in sorted(set(named.values())):
        try:
            await catalogue.code.host.reach(repository)
        except TemporaryError as error:
            do = "Ask again in a minute; releases wait until it answers."
            findings.append(Finding("github", repository, "warn", str(error), do))
        except PermanentError as error:
            do = "Correct `github:` or the token: no release of its services begins like this."
            findings.append(Finding("github", repository, "fail", str(error), do))
        else:
            findings.append(Finding("github", repository, "ok", "can be read"))
    return findings


def wishes(plan: Plan) -> list[str]:
    """What a plan asks of the place where the code lies."""
    version, approvals = plan.sections.version, plan.document.get("approvals") or {}
    asked = {
        "branches": bool(plan.sections.branches),
        "version.tag_message": bool(version.tag_message),
        "version.backup_tag": bool(version.backup_tag),
        "approvals.production.mirror": bool((approvals.get("production") or {}).get("mirror")),
    }
    return [name for name, wanted in asked.items() if wanted]


def _unasked(service: str, plan: Plan) -> Finding:
    text = f"{plan.name} says {', '.join(wishes(plan))}, and no repository is configured"
    do = f"Add {service} under `github: repositories:`, or see to these by hand."
    return Finding("github", service, "warn", text, do)
