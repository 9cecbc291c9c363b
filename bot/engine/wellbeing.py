"""How the version before is after a rollback, and what is kept of the one that was taken back."""

from datetime import timedelta

from bot.domain.plan import Metric
from bot.domain.reports import alarms
from bot.domain.response import Response
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Probe, Track, Unknown
from bot.domain.units import format_duration, format_weight
from bot.engine import transitions
from bot.engine.catalogue import ServiceTarget
from bot.engine.engine import Tools
from bot.engine.looking import slots_of
from bot.ports import MetricQuery, Observation, Release

QUIET = timedelta(minutes=1)
"""For how long at least nothing may be told after a step back before it counts as over."""


async def unwell(tools: Tools, place: ServiceTarget, response: Response) -> tuple[str, str]:
    """What is wrong with the version that has the traffic again, "" when nothing is; what was seen.

    Asked are the deployer and every health probe of the plan. Raises TemporaryError and
    PermanentError when they can't be asked.
    """
    found = await place.deployer.observe(place.target)
    wrong = _out_of_place(found, response.previous)
    if wrong:
        return wrong, ""
    rollout = await tools.store.transact(
        lambda conn: transitions.load(conn, tools.rollouts, response.rollout_id)
    )
    seen = [f"{response.previous} is ready and has all traffic"]
    for metric in rollout.the_plan.metrics.values():
        if metric.kind == "probe":
            wrong = await _ill(tools, place, rollout, metric, found)
            if wrong:
                return wrong, ""
            seen.append(f"{metric.name} is ok")
    return "", ", ".join(seen)


async def unresolved(tools: Tools, _place: ServiceTarget, response: Response) -> tuple[str, str]:
    """What is still wrong after a step back, "" when nothing is; what was seen.

    It is over when no alert has been told since the traffic was taken away, for as long as the
    longest of the plan's windows takes.
    """
    rollout = await tools.store.transact(
        lambda conn: transitions.load(conn, tools.rollouts, response.rollout_id)
    )
    if rollout.phase is not Phase.PAUSED:
        return "", f"it is {rollout.phase.replace('_', ' ')} now"
    back_at, seen_at = response.back_at, rollout.measured_at
    quiet = max([QUIET, *(each.window or QUIET for each in rollout.the_plan.all_alerts)])
    if back_at is None or seen_at is None or seen_at - back_at < quiet:
        return f"less than {format_duration(quiet)} has been seen since", ""
    names = {alert.id: alert.text for alert in rollout.the_plan.all_alerts}
    active = [names.get(each, each) for each in rollout.alerts]
    if rollout.blind_since is not None:
        return "nothing can be seen", ""
    if active or alarms(rollout, "critical"):
        return f"still: {', '.join(active) or 'critical alarms'}", ""
    return "", f"no alert at {format_weight(rollout.weight)} for {format_duration(quiet)}"


def _out_of_place(found: Observation, previous: str) -> str:
    running = found.current.release.version
    if running != previous:
        return f"{running} is the current version, not {previous}"
    if not found.current.ready:
        return f"{running} is not ready {found.current.detail}".strip()
    if found.candidate is not None and found.candidate.weight > 0:
        return f"{found.candidate.release.version} still has {found.candidate.weight:g} %"
    return ""


async def _ill(
    tools: Tools, place: ServiceTarget, rollout: Rollout, metric: Metric, found: Observation
) -> str:
    source = place.source(metric.name)
    if source is None:
        return ""
    releases = {
        Track.CANARY: Release(rollout.version, rollout.artifact),
        Track.BASELINE: Release(rollout.previous, rollout.previous_artifact),
    }
    labels = slots_of(rollout, found)
    query = MetricQuery(metric, Track.BASELINE, place.target, releases, labels)
    reading = await source.read(query, "", tools.clock.now())
    if isinstance(reading, Unknown):
        return f"{metric.name}: {reading.reason}"
    if isinstance(reading.value, Probe) and not reading.value.ok:
        return f"{metric.name} fails: {reading.value.detail}"
    return ""


def kept_words(rollout: Rollout, entries: int, looks: int) -> tuple[str, str]:
    """What is kept of a release for its post-mortem: in a few words, and all that was known.

    entries: of the audit about it; looks: stored measurements of it.
    """
    written = "1 audit entry" if entries == 1 else f"{entries} audit entries"
    measured = "1 measurement" if looks == 1 else f"{looks} measurements"
    short = f"{written} and {measured} of {rollout.id}"
    lines = [f"Kept for the post-mortem: {short}."]
    lines += [
        f"Wave {mark.wave + 1}: {mark.weight:g} % from t[{int(mark.applied_at.timestamp())}]"
        for mark in rollout.marks
    ]
    lines += [f"{each.text}: {each.shown or 'nothing measured'}" for each in rollout.findings]
    conditions = {c.id: c.text for c in rollout.the_plan.triggers_of(rollout.current_wave)}
    lines += [
        f"{conditions[name]}: {watcher.shown}"
        for name, watcher in rollout.watchers.items()
        if name in conditions and watcher.shown
    ]
    return short, "\n".join(lines)
