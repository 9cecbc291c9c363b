"""Whether each environment answers, can do what its plan asks, and can be measured."""

from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec

from bot.cli.checkup.finding import Finding
from bot.domain.audience import left_out, unmet
from bot.domain.plan import Metric, Plan
from bot.domain.plan_compile import measured_by
from bot.domain.samples import Track, Unknown
from bot.engine.catalogue import ServiceTarget
from bot.engine.checks import missing_abilities, steering
from bot.ports import MetricQuery, Observation, PermanentError, Release, TemporaryError


async def target(
    place: ServiceTarget, plan: Plan | None, now: Callable[[], datetime]
) -> list[Finding]:
    """Everything about one environment. plan: the service's own, None when it is broken."""
    observation, found = await _deployer(place)
    findings = [found]
    if plan is None:
        return findings
    where = f"{place.service} {place.environment}"
    lacking = missing_abilities(plan, place.deployer.capabilities())
    if lacking:
        do = "Choose a plan without it, or a backend that can do it."
        text = f"{plan.name} needs {', '.join(lacking)}, which this backend can't do"
        findings.append(Finding("deployer", where, "fail", text, do))
    findings += _routed(place, plan)
    for name, metric in sorted(measured_by(plan, place.define).metrics.items()):
        if metric.outside and not place.outside:
            continue
        named = msgspec.structs.replace(metric, name=name)
        findings.append(await _metric(place, named, observation, now))
    return findings


def _routed(place: ServiceTarget, plan: Plan) -> Iterator[Finding]:
    """Audiences, flags and stickiness: what the backend leaves out of what the plan says."""
    where, can = f"{place.service} {place.environment}", steering(place.deployer.capabilities())
    if lacking := unmet(plan, can):
        do = "Choose a plan without it, or a backend that can do it."
        text = f"{plan.name} needs {' and '.join(lacking)}, which this backend can't do"
        yield Finding("deployer", where, "fail", text, do)
        return
    for line in left_out(plan, can):
        do = "Let the backend do it, or see to it yourselves; the card says it to those who sign."
        yield Finding("deployer", where, "warn", line, do)


async def _deployer(place: ServiceTarget) -> tuple[Observation | None, Finding]:
    where = f"{place.service} {place.environment}"
    try:
        seen = await place.deployer.observe(place.target)
    except TemporaryError as error:
        do = "See that it runs and that this machine reaches it; then ask again."
        return None, Finding("deployer", where, "fail", f"does not answer: {error}", do)
    except PermanentError as error:
        do = (
            "Correct `deployer:` of this environment, or COUNTERSIGN_DEPLOYER_SECRET if it refuses "
            "the signature."
        )
        return None, Finding("deployer", where, "fail", str(error), do)
    runs = f"{seen.current.release.version} takes {seen.current.weight:g} %"
    if not seen.uniform:
        do = "Bring all processes to the same weights before a release."
        return seen, Finding("deployer", where, "warn", f"they disagree: {seen.detail}", do)
    if not seen.current.ready:
        do = "A release is refused until it is healthy."
        return seen, Finding("deployer", where, "warn", f"{runs}, but is not ready", do)
    return seen, Finding("deployer", where, "ok", runs)


async def _metric(
    place: ServiceTarget,
    metric: Metric,
    seen: Observation | None,
    now: Callable[[], datetime],
) -> Finding:
    """Read one metric of what runs now, the way a release would read its baseline."""
    subject = f"{place.service} {place.environment} {metric.name}"
    source = place.source(metric.name)
    if source is None:
        do = "Add `metrics:` or `probe:` to this environment."
        return Finding("metric", subject, "fail", "nothing is configured to read it", do)
    try:
        reading = await source.read(_query(place, metric, seen), "", now())
    except PermanentError as error:
        do = "Correct it in the plan, or under `define:` of this environment's metrics."
        return Finding("metric", subject, "fail", f"can never be read: {error}", do)
    except TemporaryError as error:
        reading = Unknown(str(error))
    if isinstance(reading, Unknown):
        do = "A release would hold until it is known. See that the source has data of it."
        return Finding("metric", subject, "warn", f"unknown: {reading.reason}", do)
    return Finding("metric", subject, "ok", "can be read")


def _query(place: ServiceTarget, metric: Metric, seen: Observation | None) -> MetricQuery:
    current = seen.current.release if seen is not None else Release("")
    labels = {}
    if seen is not None and seen.current.slot:
        labels = {"current": seen.current.slot, "candidate": seen.current.slot}
    releases = {Track.CANARY: current, Track.BASELINE: current}
    return MetricQuery(metric, Track.BASELINE, place.target, releases, labels)
