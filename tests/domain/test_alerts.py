"""Alertmanager's webhook, as its documentation gives it, and as it should not be."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.alerts import (
    CUT_OFF,
    Alert,
    AlertmanagerDocument,
    LabelsDocument,
    NotAlertmanagerError,
    read,
)
from bot.domain.conditions import Action

USUAL = AlertmanagerDocument()


def alert(**fields: Any) -> dict[str, Any]:
    """An alert as Alertmanager 0.25 sends it; fields: other labels."""
    labels = {"alertname": "HighErrorRate", "service": "checkout", "severity": "critical"}
    return {
        "status": "firing",
        "labels": {key: value for key, value in (labels | fields).items() if value},
        "annotations": {"summary": "12 % fail", "description": "longer"},
        "startsAt": "2026-11-21T10:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.test/graph",
        "fingerprint": "1a30ba71cca2921f",
    }


def delivery(*alerts: Any, **fields: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="HighErrorRate"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "countersign",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.test",
        "alerts": list(alerts),
        **fields,
    }


def one(rules: AlertmanagerDocument = USUAL, /, **fields: Any) -> Alert:
    (found,) = read(delivery(alert(**fields)), rules)
    return found


def test_an_alert_says_where_it_belongs_and_what_it_does() -> None:
    found = one(environment="staging")
    assert (found.service, found.environment, found.trouble) == ("checkout", "staging", "")
    fired = found.fired
    assert (fired.name, fired.level, fired.detail) == ("HighErrorRate", "critical", "12 % fail")
    assert (fired.source, fired.id, fired.do) == ("alarm", "1a30ba71cca2921f", Action.PAUSE)
    assert fired.at == datetime(2026, 11, 21, 10, 0, 0, 123456, UTC)
    assert fired.open


@pytest.mark.parametrize(
    ("labels", "do"),
    [
        ({"severity": "critical"}, Action.PAUSE),
        ({"severity": "page"}, Action.PAUSE),
        ({"severity": "warning"}, Action.NOTIFY),
        ({"severity": "info"}, Action.NOTIFY),
        ({"severity": ""}, Action.NOTIFY),
        ({"severity": "warning", "countersign": "rollback"}, Action.ROLLBACK),
        ({"severity": "critical", "countersign": "notify"}, Action.NOTIFY),
        ({"countersign": "step-back"}, Action.STEP_BACK),
        ({"severity": "warning", "countersign": "rolback"}, Action.PAUSE),
    ],
)
def test_what_an_alert_does_without_any_configuration(labels: dict[str, str], do: Action) -> None:
    assert one(USUAL, **labels).fired.do == do


RULES = AlertmanagerDocument(
    labels=LabelsDocument(service="app", environment="stage", severity="prio", action="release"),
    environment="staging",
    services={"checkout-api": "checkout"},
    environments={"live": "production"},
    levels={"P1": "critical"},
    alerts={"DiskFull": Action.NOTIFY, "money_lost": Action.ROLLBACK},
    severities={"P3": Action.STEP_BACK},
)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"app": "checkout-api", "stage": "live"}, ("checkout", "production", "notify", "")),
        ({"app": "payments"}, ("payments", "staging", "notify", "")),
        ({"app": "x", "prio": "P1"}, ("x", "staging", "pause", "critical")),
        ({"app": "x", "prio": "P3"}, ("x", "staging", "step_back", "P3")),
        (
            {"app": "x", "prio": "P1", "alertname": "DiskFull"},
            ("x", "staging", "notify", "critical"),
        ),
        ({"app": "x", "alertname": "MoneyLost"}, ("x", "staging", "rollback", "")),
        ({"app": "x", "alertname": "MoneyLost", "release": "pause"}, ("x", "staging", "pause", "")),
    ],
)
def test_an_installation_says_what_its_labels_mean(
    labels: dict[str, str], expected: tuple[str, ...]
) -> None:
    found = one(RULES, **labels)
    shown = (found.service, found.environment, found.fired.do, found.fired.level)
    assert shown == expected


def test_the_same_alert_has_the_same_name_until_it_fires_anew() -> None:
    first, again = one(), one(severity="critical")
    assert first.once == again.once
    raw = alert()
    (over,) = read(delivery(raw | {"status": "resolved"}), USUAL)
    (anew,) = read(delivery(raw | {"startsAt": "2026-11-21T10:05:00Z"}), USUAL)
    (other,) = read(delivery(raw | {"fingerprint": "ffff"}), USUAL)
    assert len({first.once, over.once, anew.once, other.once}) == 4
    assert not over.fired.open


def test_without_a_fingerprint_the_labels_tell_alerts_apart() -> None:
    raw = alert()
    del raw["fingerprint"]
    twin = {**raw, "labels": {**raw["labels"], "instance": "b"}}
    first, second, third = read(delivery(raw, twin, dict(raw)), USUAL)
    assert first.once == third.once != second.once


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("not an object", "not an object"),
        ({"status": "firing"}, "no labels"),
        (alert(service=""), "no label `service`"),
        (alert() | {"startsAt": "yesterday"}, "startsAt"),
        (alert() | {"startsAt": "2026-11-21T10:00:00"}, "startsAt"),
        (alert() | {"startsAt": None}, "startsAt"),
        (alert() | {"labels": {"service": 7}}, "no labels"),
    ],
)
def test_an_alert_that_cant_be_read_spoils_no_other(broken: Any, why: str) -> None:
    bad, good = read(delivery(broken, alert()), USUAL)
    assert why in bad.trouble
    assert good.trouble == ""


def test_what_grafana_sends_is_read_the_same_way() -> None:
    wanted = read(delivery(), AlertmanagerDocument())
    theirs = delivery(version="1", orgId=1, title="[FIRING:1]", state="alerting", message="…")
    assert read(theirs, AlertmanagerDocument()) == wanted


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ([], "no list `alerts`"),
        ({"alerts": {}}, "no list `alerts`"),
        ({}, "no list `alerts`"),
        (delivery(version="3"), "version '3'"),
    ],
)
def test_what_is_no_delivery_of_alertmanager_is_refused(body: Any, why: str) -> None:
    with pytest.raises(NotAlertmanagerError, match=why):
        read(body, USUAL)


def test_alerts_that_were_not_sent_hold_what_they_may_concern() -> None:
    body = delivery(alert(), alert(), alert(service="payments"), truncatedAlerts=3)
    *_, first, second = read(body, USUAL)
    assert {first.service, second.service} == {"checkout", "payments"}
    assert (first.fired.name, first.fired.do) == (CUT_OFF, Action.PAUSE)
    assert "3 more" in first.fired.detail
    assert len(read(body | {"status": "resolved"}, USUAL)) == 3


def test_what_an_alert_says_calls_nobody_by_name() -> None:
    raw = alert(alertname="t[0]") | {"annotations": {"summary": "ask @[ada]\nat t[1]"}}
    (found,) = read(delivery(raw), USUAL)
    assert (found.fired.name, found.fired.detail) == ("t(0)", "ask @(ada) at t(1)")


def test_a_very_long_alert_is_cut() -> None:
    raw = alert(alertname="x" * 5000, severity="y" * 5000)
    raw["annotations"] = {"summary": "z" * 5000}
    raw["fingerprint"] = "f" * 5000
    (found,) = read(delivery(raw), USUAL)
    assert len(msgspec.json.encode(found.fired)) < 1000
