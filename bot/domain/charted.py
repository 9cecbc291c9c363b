"""Which metrics of a plan belong into the picture of a release: its errors, and its latency."""

from bot.domain.plan import Metric, Plan

_ERRORS = ("error", "5xx", "fail")
_LATENCY = ("latency", "response_time", "duration", "p95", "p99")


def charted(plan: Plan) -> tuple[str, ...]:
    """At most two names: a share of errors, then a latency; those that the plan judges first."""
    judged = _judged(plan)
    ordered = sorted(plan.metrics, key=lambda name: name not in judged)
    errors = [n for n in ordered if _is_error(n, plan.metrics[n])]
    slow = sorted(
        (n for n in ordered if _is_latency(n, plan.metrics[n])),
        key=lambda name: (name not in judged, -(plan.metrics[name].q or 0)),
    )
    return (*errors[:1], *slow[:1])


def _is_error(name: str, metric: Metric) -> bool:
    if metric.kind == "ratio":
        return not metric.good
    return metric.kind == "gauge" and any(word in name for word in _ERRORS)


def _is_latency(name: str, metric: Metric) -> bool:
    if metric.kind == "quantile":
        return True
    return metric.kind == "gauge" and any(word in name for word in _LATENCY)


def _judged(plan: Plan) -> frozenset[str]:
    rules = [gate for wave in plan.waves for gate in wave.gates]
    rules += [each for wave in plan.waves for each in plan.triggers_of(wave)]
    return frozenset(c.comparison.subject for c in rules if c.comparison is not None)
