"""The words in which plans speak of incidents."""

from collections.abc import Mapping
from enum import StrEnum

from bot.domain.plan_terms import Closed, Name, Slug


class Severity(StrEnum):
    """How bad it is for those who use the service; plans count them by these names."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class IncidentDocument(Closed, frozen=True, kw_only=True):
    """What a plan says about incidents of its releases.

    open: whether an automatic rollback opens one. severity: of that one. commander: a role or a
    person who leads it; commanders: the same by wave. escalation: who is called after whom, instead
    of what the configuration says. runbook: the steps that are posted.
    """

    open: bool | None = None
    severity: Severity = Severity.CRITICAL
    commander: Name | None = None
    commanders: Mapping[Slug, Name] = {}
    escalation: tuple[Name, ...] = ()
    runbook: str = ""
