"""SarvanOM's conditions: measured against the version that runs beside it."""

from tests.requirements.acting import DOWN, UP, Gate, Question, Report, Rule, level, share, slow

PLAN = "sarvanom-feature"
MAJOR = "sarvanom-major"
MANY = 1_000_000.0
BASE = (0.001 * MANY, MANY)
GOOD = {
    "error_rate": share(0.001 * MANY, MANY, base=BASE),
    "response_time": slow(0, 0.2, MANY, base=0.2),
    "throughput": level(100.0, base=100.0),
    "health": UP,
}

TRIGGERS = [
    Rule(
        ("S2-20", "S-042", "S-083"),
        PLAN,
        "p5",
        "error_rate",
        over=share(11),
        limit=share(10),
        window=60,
        windows=5,
        does="rollback",
    ),
    Rule(
        ("S2-21", "S-043"),
        PLAN,
        "p25",
        "response_time",
        over=slow(51, 0.75, base=0.5),
        limit=slow(50, 0.75, base=0.5),
        window=60,
        windows=10,
        does="rollback",
    ),
    Rule(
        ("S2-22a", "S-044"),
        PLAN,
        "p50",
        "health",
        over=DOWN,
        limit=UP,
        window=30,
        each=30,
        does="rollback",
    ),
]

REPORTS = [Report(("S2-22b", "S-045"), PLAN, "p5", "data_integrity", "rollback")]

GATES = [
    Gate(
        ("S2-23a", "S-034", "S-038", "S-069", "X-03"),
        plan,
        wave,
        "error_rate",
        over=share(0.004 * MANY, MANY, base=BASE),
        limit=share(0.002 * MANY, MANY, base=BASE),
        under=share(0.001 * MANY, MANY, base=BASE),
        does="rollback",
        good=GOOD,
    )
    for plan, wave in [(PLAN, "p5"), (PLAN, "p25"), (PLAN, "p50"), (MAJOR, "p5")]
] + [
    Gate(
        ("S2-23b", "S-035", "S-038", "S-069"),
        PLAN,
        "p5",
        "response_time",
        over=slow(0.1 * MANY, 0.55, MANY, base=0.5),
        limit=slow(0.05 * MANY, 0.55, MANY, base=0.5),
        under=slow(0.01 * MANY, 0.55, MANY, base=0.5),
        does="rollback",
        good=GOOD,
    )
]

GATES += [
    Gate(
        ("S2-23c", "S-036", "S-038", "X-30"),
        PLAN,
        wave,
        "throughput",
        over=level(70, base=100),
        limit=level(80, base=100),
        under=level(90, base=100),
        does="rollback",
        good=GOOD,
    )
    for wave in ("p5", "p25", "p50")
]

QUESTIONS = [
    Question((row,), PLAN, wave, f"{wave}-{name}", role, "rollback", GOOD)
    for wave in ("p5", "p25", "p50")
    for row, name, role in [
        ("S-039", "core", "qa"),
        ("S-040", "users", "product_team"),
        ("S-041", "business", "product_team"),
    ]
]
