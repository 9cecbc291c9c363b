"""The conditions of batch patches: four waves, each with its own triggers."""

from tests.requirements.acting import (
    Counted,
    Gate,
    Question,
    Report,
    Rule,
    Side,
    level,
    share,
    slow,
    times,
)

PLAN = "batch-patches-waves"
MANY = 1_000_000.0
GOOD = {
    "error_rate": share(0, MANY),
    "success_rate": share(0, MANY),
    "latency_p95": slow(0, 0.1, MANY, base=0.1),
    "latency_p99": slow(0, 0.1, MANY),
    "memory": level(100, base=100),
    "cpu": level(1.0, base=1.0),
    "invariant_violations": share(0, 0),
}
FIRST = {"error_rate": share(20, 1000).canary}

TRIGGERS = [
    Rule(
        ("S2-14b", "B-046"),
        PLAN,
        "w1",
        "error_rate",
        over=share(101),
        limit=share(100),
        window=60,
        windows=5,
        does="rollback",
    ),
    Rule(
        ("S2-15b", "B-064", "X-03"),
        PLAN,
        "w2",
        "error_rate",
        over=share(71),
        limit=share(70),
        window=300,
        does="rollback",
        before=FIRST,
    ),
    Rule(
        ("S2-15d", "B-066"),
        PLAN,
        "w2",
        "latency_p95",
        over=slow(51, 0.75, base=0.5),
        limit=slow(50, 0.75, base=0.5),
        window=300,
        does="rollback",
    ),
    Rule(
        ("S2-16b", "B-081"),
        PLAN,
        "w3",
        "error_rate",
        over=share(101),
        limit=share(100),
        window=60,
        does="rollback",
    ),
]


def level_of(row: str, part: str, metric: str, does: str, over: Side, limit: Side) -> Rule:
    """Any critical alert takes everything back, whichever wave it is."""
    window = 600.0 if metric in {"error_rate", "success_rate"} else 300.0
    level = "critical" if does == "rollback" else ""
    return Rule((row, part), PLAN, "w2", metric, over, limit, window, does, level=level)


WARNINGS = [
    level_of("B-110", "S2-18a", "error_rate", "notify", share(51), share(50)),
    level_of("B-111", "S2-18b", "success_rate", "notify", share(51), share(50)),
    level_of("B-112", "S2-18c", "latency_p95", "notify", slow(51, 0.6), slow(50, 0.6)),
    level_of("B-113", "S2-18d", "latency_p99", "notify", slow(11, 0.8), slow(10, 0.8)),
    level_of("B-114", "S2-18e", "memory", "notify", level(151, base=100), level(150, base=100)),
    level_of("B-115", "S2-18f", "cpu", "notify", level(1.41, base=1), level(1.4, base=1)),
    level_of("B-116", "S2-18g", "invariant_violations", "notify", times(1.5), times(1.25)),
]
CRITICALS = [
    level_of("B-110", "S2-18a", "error_rate", "rollback", share(101), share(100)),
    level_of("B-111", "S2-18b", "success_rate", "rollback", share(101), share(100)),
    level_of("B-112", "S2-18c", "latency_p95", "rollback", slow(51, 1.0), slow(50, 1.0)),
    level_of("B-113", "S2-18d", "latency_p99", "rollback", slow(11, 1.5), slow(10, 1.5)),
    level_of("B-114", "S2-18e", "memory", "rollback", level(201, base=100), level(200, base=100)),
    level_of("B-115", "S2-18f", "cpu", "rollback", level(1.81, base=1), level(1.8, base=1)),
    level_of("B-116", "S2-18g", "invariant_violations", "rollback", times(2.75), times(2.5)),
]

# One critical alert takes it back in every wave.
BREACHES = [
    Rule(
        rows,
        PLAN,
        wave,
        "latency_p99",
        slow(11, 1.5),
        limit,
        300,
        "rollback",
        level="critical",
    )
    for rows, wave, limit in [
        (("S2-14a", "B-045"), "w1", slow(10, 1.5)),
        (("S2-15a", "B-063"), "w2", slow(10, 1.5)),
        (("S2-16a", "B-080"), "w3", slow(10, 1.5)),
        (("S2-17a", "B-096"), "w4", slow(9, 0.5)),  # the target; the last wave may not miss it
    ]
] + [
    Rule(
        ("S2-16c", "B-082", "X-22"),
        PLAN,
        "w3",
        metric,
        over,
        limit,
        300,
        "rollback",
        level="critical",
    )
    for metric, over, limit in [
        ("memory", level(201, base=100), level(200, base=100)),
        ("cpu", level(1.81, base=1), level(1.8, base=1)),
    ]
]

REPORTS = [
    Report(("S2-16c", "B-082"), PLAN, "w3", "resource_spike", "rollback"),
    Report(("S2-14c", "B-047"), PLAN, "w1", "memory_leak", "rollback"),
    Report(("S2-14d", "B-048"), PLAN, "w1", "data_corruption", "rollback"),
    Report(("S2-15c", "B-065"), PLAN, "w2", "data_loss", "rollback"),
    Report(("S2-17c", "B-098"), PLAN, "w4", "data_integrity", "rollback"),
]

GATES = [
    Gate(
        ("B-037", "X-18"),
        PLAN,
        "w1",
        "error_rate",
        over=share(0.1 * MANY, MANY),
        limit=share(0.05 * MANY, MANY),
        under=share(0.02 * MANY, MANY),
        does="rollback",
        good=GOOD,
    ),
    Gate(
        ("B-038",),
        PLAN,
        "w1",
        "latency_p95",
        over=slow(0.1 * MANY, 0.5, MANY),
        limit=slow(0.05 * MANY, 0.5, MANY),
        under=slow(0.01 * MANY, 0.5, MANY),
        does="rollback",
        good=GOOD,
    ),
    Gate(
        ("B-056", "X-22"),
        PLAN,
        "w2",
        "latency_p99",
        over=slow(0.02 * MANY, 0.8, MANY),
        limit=slow(0.01 * MANY, 0.8, MANY),
        under=slow(0.005 * MANY, 0.8, MANY),
        does="rollback",
        good=GOOD,
    ),
]


def question(rows: tuple[str, ...], wave: str, name: str, role: str) -> Question:
    return Question(rows, PLAN, wave, name, role, "rollback", GOOD)


COUNTED = [
    Counted(("S2-16d", "B-083"), PLAN, "w3", "report", "escalation", 6, "rollback"),
    Counted(("S2-17b", "B-097"), PLAN, "w4", "report", "customer_issue", 2, "rollback"),
]

QUESTIONS = [
    question(("B-040",), "w1", "w1-team", "incident_commander"),
    question(("B-044",), "w1", "w1-logs", "engineering_lead"),
    question(("B-061",), "w2", "w2-feedback", "product_manager"),
    question(("B-072",), "w3", "w3-metrics", "engineering_lead"),
    question(("B-073",), "w3", "w3-cost", "product_manager"),
    question(("B-074", "B-079"), "w3", "w3-monitoring", "operations"),
    question(("B-088",), "w4", "w4-operations", "operations"),
    question(("B-089",), "w4", "w4-support", "product_manager"),
    question(("B-090",), "w4", "w4-documents", "development_lead"),
]
