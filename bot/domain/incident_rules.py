"""What an installation says about incidents: how soon people have to act, and who is called."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from bot.domain.duties import NEXT_BUSINESS_DAY, end_of_next_business_day
from bot.domain.incident_terms import IncidentDocument, Severity
from bot.domain.plan_sections import Within
from bot.domain.plan_terms import Closed, Duration, Name
from bot.domain.units import parse_duration

CALLED = {
    "warning": Severity.MAJOR,
    "info": Severity.MINOR,
    "sev1": Severity.CRITICAL,
    "sev2": Severity.MAJOR,
    "sev3": Severity.MINOR,
}
"""Other words that people use for the same."""

ACKNOWLEDGE: Mapping[Severity, Within] = {
    Severity.CRITICAL: "5m",
    Severity.MAJOR: "15m",
    Severity.MINOR: NEXT_BUSINESS_DAY,
}
UPDATES: Mapping[Severity, Duration] = {Severity.CRITICAL: "20m", Severity.MAJOR: "1h"}
GRAVE = (Severity.CRITICAL, Severity.MAJOR)


class IncidentsDocument(Closed, frozen=True, kw_only=True):
    """How incidents are handled.

    acknowledge: by severity, how soon somebody has to say that they have seen it; then the next of
    `escalation` is called. updates: how often people are told how it stands; severities that are
    left out have no such clock, where any is given. escalation: roles or people, in the order in
    which they are called. post_mortem: how long after the end it has to be held. post_mortems: for
    which severities. page: which severities reach the pager. tickets: for which a ticket is opened.
    alerts: levels of Alertmanager's alerts that open an incident. on_rollback: whether an automatic
    rollback opens one, where its plan does not say otherwise. zone: for business days.
    """

    acknowledge: Mapping[Severity, Within] = {}
    updates: Mapping[Severity, Duration] | None = None
    escalation: tuple[Name, ...] = ()
    post_mortem: Duration = "24h"
    post_mortems: tuple[Severity, ...] = GRAVE
    page: tuple[Severity, ...] = GRAVE
    tickets: tuple[Severity, ...] = GRAVE
    alerts: tuple[str, ...] = ()
    on_rollback: bool = True
    zone: str = "UTC"


class Rules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds for one incident, fixed when it begins. post_mortem: seconds."""

    acknowledge: Mapping[Severity, str] = {}
    updates: Mapping[Severity, str] = msgspec.field(default_factory=lambda: dict(UPDATES))
    escalation: tuple[str, ...] = ()
    post_mortem: float = 24 * 3600.0
    post_mortems: tuple[Severity, ...] = GRAVE
    page: tuple[Severity, ...] = GRAVE
    tickets: tuple[Severity, ...] = GRAVE
    zone: str = "UTC"


def rules_of(config: IncidentsDocument, plan: IncidentDocument | None = None) -> Rules:
    """What holds for a new incident; the plan of its release goes first."""
    own = plan.escalation if plan is not None else ()
    return Rules(
        acknowledge=config.acknowledge,
        updates=UPDATES if config.updates is None else config.updates,
        escalation=own or config.escalation,
        post_mortem=parse_duration(config.post_mortem).total_seconds(),
        post_mortems=config.post_mortems,
        page=config.page,
        tickets=config.tickets,
        zone=config.zone,
    )


def commander_of(plan: IncidentDocument | None, wave: str) -> str:
    """The role or person who leads an incident of this wave, "" where the plan names nobody."""
    if plan is None:
        return ""
    return plan.commanders.get(wave) or plan.commander or ""


def severity_of(word: str) -> Severity | None:
    """The severity that somebody means, None for a word that is none."""
    lower = word.lower()
    return Severity(lower) if lower in set(Severity) else CALLED.get(lower)


def ack_due(rules: Rules, severity: Severity, now: datetime) -> datetime:
    """By when somebody has to have acknowledged an incident that is called out now."""
    within = rules.acknowledge.get(severity, ACKNOWLEDGE[severity])
    if within == NEXT_BUSINESS_DAY:
        return end_of_next_business_day(now, rules.zone)
    return now + parse_duration(within)


def update_due(rules: Rules, severity: Severity, now: datetime) -> datetime | None:
    """By when people have to hear again how it stands; None: there is no such clock."""
    every = rules.updates.get(severity)
    return now + parse_duration(every) if every else None


def closing_time(rules: Rules, severity: Severity, resolved_at: datetime) -> datetime | None:
    """By when the post-mortem has to be held, None when none is asked for."""
    if severity not in rules.post_mortems:
        return None
    return resolved_at + timedelta(seconds=rules.post_mortem)
