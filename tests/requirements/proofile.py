"""Proofile's conditions: three waves that answer trouble in three ways."""

from tests.requirements.acting import Gate, Question, Rule, Side, level, share, slow

PLAN = "proofile-staged"
MANY = 1_000_000.0
GOOD = {
    "error_rate": share(0, MANY),
    "latency_p50": slow(0, 0.1, MANY),
    "latency_p95": slow(0, 0.1, MANY),
    "latency_p99": slow(0, 0.1, MANY),
    "fcp": level(1.0),
    "lcp": level(2.0),
    "cls": level(0.05),
    "cpu": level(0.4),
    "memory": level(0.5),
    "memory_growth": level(0.0),
    "db_connections": level(20),
    "cache_hit": level(0.95),
    "availability": level(1.0),
}


def alert(rows: tuple[str, ...], metric: str, over: Side, limit: Side, does: str) -> Rule:
    level = "critical" if does == "rollback" else ""
    return Rule(rows, PLAN, "canary", metric, over, limit, window=300, does=does, level=level)


ALERTS = [
    alert(("S2-12a", "P-090"), "error_rate", share(6), share(5), "notify"),
    alert(("S2-12b", "P-092"), "latency_p95", slow(51, 1.0), slow(50, 1.0), "notify"),
    alert(("S2-12c", "P-094"), "cpu", level(0.71), level(0.7), "notify"),
    alert(("S2-12d", "P-096"), "memory_growth", level(0.021), level(0.02), "notify"),
    alert(("S2-12e", "P-091", "X-15"), "error_rate", share(11), share(10), "rollback"),
    alert(("S2-12f", "P-093"), "latency_p95", slow(51, 3.0), slow(50, 3.0), "rollback"),
    alert(("S2-12g", "P-095"), "cpu", level(0.86), level(0.85), "rollback"),
    alert(("S2-12h", "P-097"), "memory", level(0.91), level(0.9), "rollback"),
]

# What a critical alert does, wave by wave.
BREACHES = [
    Rule(
        ("X-15", "P-095"),
        PLAN,
        wave,
        "cpu",
        level(0.86),
        level(0.85),
        300,
        does,
        level="critical",
    )
    for wave, does in [("canary", "rollback"), ("graduated", "step_back"), ("full", "pause")]
]


def gate(
    rows: tuple[str, ...], wave: str, metric: str, does: str, *sides: Side, to: float | None = None
) -> Gate:
    over, limit, under = sides
    return Gate(rows, PLAN, wave, metric, over, limit, under, does, GOOD, to=to)


def errors(limit: float) -> tuple[Side, Side, Side]:
    """Twice the limit, the limit, half of it; as a share."""
    return share(2 * limit * MANY, MANY), share(limit * MANY, MANY), share(limit / 2 * MANY, MANY)


GATES = [
    gate(("S2-11a", "P-039", "P-044", "P-046"), "canary", "error_rate", "rollback", *errors(0.005)),
    gate(
        ("S2-11b", "S2-13a", "P-050", "P-059", "P-082", "P-150"),
        "graduated",
        "error_rate",
        "step_back",
        *errors(0.001),
        to=5.0,
    ),
    gate(("S2-11c",), "full", "error_rate", "pause", *errors(0.001)),
    gate(
        ("P-053", "P-059"),
        "graduated",
        "db_connections",
        "step_back",
        level(51),
        level(50),
        level(49),
        to=5.0,
    ),
    gate(
        ("P-054", "P-059"),
        "graduated",
        "cache_hit",
        "step_back",
        level(0.79),
        level(0.8),
        level(0.81),
        to=5.0,
    ),
]


def target(rows: tuple[str, ...], metric: str, *sides: Side, wave: str = "canary") -> Gate:
    does, to = {"graduated": ("step_back", 5.0), "full": ("pause", None)}.get(
        wave, ("rollback", None)
    )
    return gate((*rows, "P-040"), wave, metric, does, *sides, to=to)


def slower(q: float, limit: float) -> tuple[Side, Side, Side]:
    """Twice as many as allowed are slower than the limit, exactly as many, half of them."""
    return tuple(slow(n * (1 - q) * MANY, limit, MANY) for n in (2, 1, 0.5))  # type: ignore[return-value]


def around(limit: float, by: float) -> tuple[Side, Side, Side]:
    return level(limit + by), level(limit), level(limit - by)


GATES += [
    target(("S2-13b", "P-083"), "latency_p50", *slower(0.5, 0.2)),
    target(("S2-13c", "P-083"), "latency_p95", *slower(0.95, 0.5)),
    target(("S2-13d", "P-083"), "latency_p99", *slower(0.99, 2.0)),
    target(("S2-13e", "P-084", "P-037"), "fcp", *around(1.5, 0.1)),
    target(("S2-13f", "P-084", "P-037"), "lcp", *around(2.5, 0.1)),
    target(("S2-13g", "P-084", "P-037"), "cls", *around(0.1, 0.01)),
    target(("S2-13h", "P-085"), "cpu", *around(0.6, 0.01)),
    target(("S2-13i", "P-086"), "memory", *around(0.8, 0.01)),
    target(("S2-13j", "P-087"), "db_connections", *around(50, 1)),
    target(("S2-13k", "P-088"), "cache_hit", *around(0.8, -0.01)),
    target(("S2-13l", "P-089"), "availability", *around(0.999, -0.0005)),
    target(("P-051",), "latency_p95", *slower(0.95, 0.5), wave="graduated"),
    target(("P-141",), "latency_p99", *slower(0.99, 2.0), wave="full"),
]

QUESTIONS = [
    Question(("P-042",), PLAN, "canary", "canary-users", "frontend", "rollback", GOOD),
    Question(("P-066", "P-064"), PLAN, "full", "full-features", "qa", "pause", GOOD),
    Question(("P-038",), PLAN, "canary", "canary-features", "qa", "rollback", GOOD),
    Question(("P-038",), PLAN, "canary", "canary-users", "qa", "rollback", GOOD),
    *(
        Question(("P-049",), PLAN, "graduated", f"graduated-{what}", "devops", "step_back", GOOD)
        for what in ("slower", "database", "cache", "errors")
    ),
    Question(("P-064",), PLAN, "full", "full-edges", "qa", "pause", GOOD),
    Question(("P-064",), PLAN, "full", "full-others", "devops", "pause", GOOD),
    Question(("P-064",), PLAN, "full", "full-load", "devops", "pause", GOOD),
]

UNUSUAL = [
    Rule(("P-057",), PLAN, "graduated", metric, over, limit, 300, "notify", level="trigger")
    for metric, over, limit in [
        ("error_rate", share(3, 1000, base=(1, 1000)), share(2, 1000, base=(1, 1000))),
        ("latency_p95", slow(51, 0.75, base=0.5), slow(50, 0.75, base=0.5)),
        ("cpu", level(0.61, base=0.4), level(0.6, base=0.4)),
        ("memory", level(0.61, base=0.4), level(0.6, base=0.4)),
    ]
]
"""What is much worse than on the other side, and still within the limits of the alerts."""
