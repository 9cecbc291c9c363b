"""Alertmanager's webhook, read: which alert concerns which service, and what it does there.

The payload is version 4 of Alertmanager's webhook (`version`, `groupKey`, `truncatedAlerts`,
`status`, `commonLabels`, `alerts` with `status`, `labels`, `annotations`, `startsAt`,
`fingerprint`): https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from bot.domain.conditions import Action
from bot.domain.events import HookFired
from bot.domain.people import BOT, Actor
from bot.domain.plan import digest_of
from bot.domain.plan_terms import Closed, Duration, Name
from bot.domain.reports import literal, snake

VERSION = "4"
"""Of the webhook that is understood."""

GRAFANA = "1"
"""What Grafana's webhook contact point calls the same form."""

MANY = 1_000_000
"""More alerts than anybody counts."""

CUT_OFF = "alerts_cut_off"
"""The event that stands for alerts which were not sent."""

ANOTHER_SYSTEM = Actor(BOT, via="hook")

Level = Literal["critical", "warning"]

_LEVELS: Mapping[str, Level] = {"critical": "critical", "page": "critical", "warning": "warning"}
_DO: Mapping[str, Action] = {"critical": Action.PAUSE}


class LabelsDocument(Closed, frozen=True, kw_only=True):
    """Which labels say what. action: `rollback`, `step_back`, `pause` or `notify` on an alert."""

    service: str = "service"
    environment: str = "environment"
    severity: str = "severity"
    action: str = "countersign"


class AlertmanagerDocument(Closed, frozen=True, kw_only=True):
    """How alerts are understood.

    environment: of alerts without that label. services, environments: the names that alerts use ->
    the names here. levels: a severity -> how bad it is. alerts: what an alert does, by its name;
    severities: by its severity. Without either, what is critical pauses and the rest is said.
    silent_after: how long nothing is heard of one that fires, before a person is asked.
    """

    labels: LabelsDocument = LabelsDocument()
    environment: str = "production"
    services: Mapping[str, str] = {}
    environments: Mapping[str, str] = {}
    levels: Mapping[str, Level] = {}
    alerts: Mapping[str, Action] = {}
    severities: Mapping[str, Action] = {}
    silent_after: Duration = "6h"


class HooksDocument(Closed, frozen=True, kw_only=True):
    """What other systems report.

    events: further names of events -> what they do where a plan does not say it. reports: further
    kinds of reports that are counted.
    """

    alertmanager: AlertmanagerDocument = AlertmanagerDocument()
    events: Mapping[Name, Action] = {}
    reports: tuple[Name, ...] = ()


NONE = HookFired("", "", Action.NOTIFY.value)


class Alert(msgspec.Struct, frozen=True):
    """One alert of a delivery. trouble: why nothing can be done with it, "" when it can."""

    service: str = ""
    environment: str = ""
    fired: HookFired = NONE
    trouble: str = ""

    @property
    def once(self) -> str:
        """Under which name it is taken in a single time, however often it is delivered."""
        begun = self.fired.at.isoformat() if self.fired.at else ""
        status = "firing" if self.fired.open else "resolved"
        return f"alert:{self.service}:{self.environment}:{self.fired.id}:{begun}:{status}"


class NotAlertmanagerError(ValueError):
    """The body is not what Alertmanager sends; the message says what is wrong with it."""


def read(body: Any, rules: AlertmanagerDocument) -> Sequence[Alert]:
    """The alerts of a delivery; one that can't be read spoils no other.

    Raises NotAlertmanagerError.
    """
    if not isinstance(body, dict) or not isinstance(body.get("alerts"), list):
        raise NotAlertmanagerError("there is no list `alerts`; this is for Alertmanager's webhook")
    version = body.get("version", VERSION)
    if version not in (VERSION, GRAFANA):  # it may be anything, a list as well
        raise NotAlertmanagerError(
            f"this is version {repr(version)[:40]} of the webhook, not {VERSION!r}"
        )
    found = [_alert(each, rules) for each in body["alerts"]]
    return [*found, *_cut_off(body, found)]


def _alert(alert: Any, rules: AlertmanagerDocument) -> Alert:
    if not isinstance(alert, dict):
        return Alert(trouble="it is not an object")
    labels = _texts(alert.get("labels"))
    if not labels:
        return Alert(trouble="it has no labels")
    began = _instant(alert.get("startsAt"))
    if began is None:
        return Alert(trouble="its `startsAt` is not an instant")
    note = _texts(alert.get("annotations"))
    name = labels.get("alertname", "alert")
    level = level_of(labels, rules)
    fired = HookFired(
        name=literal(name, 100),
        detail=literal(note.get("summary") or note.get("description") or note.get("message") or ""),
        do=action_of(name, labels, rules).value,
        source="alarm",
        id=str(alert.get("fingerprint") or digest_of(labels)[:16])[:100],
        level=literal(level, 20),
        at=began,
        open=alert.get("status") != "resolved",
        actor=ANOTHER_SYSTEM,
    )
    return _placed(labels, fired, rules)


def _placed(labels: Mapping[str, str], fired: HookFired, rules: AlertmanagerDocument) -> Alert:
    names = rules.labels
    service = labels.get(names.service, "")
    if not service:
        return Alert(fired=fired, trouble=f"it has no label `{names.service}`")
    environment = labels.get(names.environment) or rules.environment
    return Alert(
        rules.services.get(service, service),
        rules.environments.get(environment, environment),
        fired,
    )


def level_of(labels: Mapping[str, str], rules: AlertmanagerDocument) -> str:
    """How bad an alert is: critical, warning, or what its severity says."""
    severity = labels.get(rules.labels.severity, "")
    known: Mapping[str, str] = {**_LEVELS, **rules.levels}
    return known.get(severity) or known.get(severity.lower(), severity)


def action_of(name: str, labels: Mapping[str, str], rules: AlertmanagerDocument) -> Action:
    """What an alert does where the plan does not say it.

    Its own label counts first, then its name, then its severity. A label that names no action is
    taken for a slip of the pen of somebody who wanted something done: it pauses.
    """
    label = labels.get(rules.labels.action, "").replace("-", "_")
    if label:
        return Action(label) if label in set(Action) else Action.PAUSE
    named = rules.alerts.get(name) or rules.alerts.get(snake(name))
    severity = rules.severities.get(labels.get(rules.labels.severity, ""))
    return named or severity or _DO.get(level_of(labels, rules), Action.NOTIFY)


def _cut_off(body: Mapping[str, Any], found: Sequence[Alert]) -> Iterator[Alert]:
    """What a receiver with `max_alerts` kept back: nobody can tell how bad it is, so it holds."""
    count = body.get("truncatedAlerts")
    if not isinstance(count, int) or count <= 0 or body.get("status") == "resolved":
        return
    kept_back = f"{min(count, MANY):,}"
    group = digest_of(str(body.get("groupKey") or ""))[:16]
    placed = {(a.service, a.environment): a for a in found if not a.trouble}
    for (service, environment), alert in placed.items():
        fired = HookFired(
            name=CUT_OFF,
            detail=f"{kept_back} more of a group were not sent; give the receiver `max_alerts: 0`",
            do=Action.PAUSE.value,
            id=f"{group} {alert.fired.id}",
            at=alert.fired.at,
            actor=ANOTHER_SYSTEM,
        )
        yield Alert(service, environment, fired)


def _texts(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(key): text for key, text in value.items() if isinstance(text, str)}


def _instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):  # the last: year 1, east of Greenwich
        return None
