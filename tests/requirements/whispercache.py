"""WhisperCache's conditions: what makes each true, and what just doesn't."""

from tests.requirements.acting import DOWN, UP, Gate, Rule, level, share, slow

CANARY = "whispercache-canary"
BLUE_GREEN = "whispercache-bluegreen"
MANY = 1_000_000.0

GOOD = {
    "error_rate": share(0, MANY, base=(0, MANY)),
    "latency_p99": slow(0, 0.1, MANY, base=0.1),
    "health": UP,
}

TRIGGERS = [
    Rule(
        ("S2-01", "W-009", "W-129", "W-130", "X-03", "X-09"),
        CANARY,
        "canary",
        "error_rate",
        over=share(16, 1000, base=(5, 1000)),
        limit=share(15, 1000, base=(5, 1000)),
        window=300,
        does="rollback",
    ),
    Rule(
        ("S2-02", "W-129", "W-131", "X-09"),
        CANARY,
        "p25",
        "latency_p99",
        over=slow(11, 0.5, base=0.25),
        limit=slow(10, 0.5, base=0.25),
        window=300,
        does="rollback",
    ),
    Rule(
        ("S2-03", "W-129", "W-132", "X-06"),
        CANARY,
        "majority",
        "health",
        over=DOWN,
        limit=UP,
        window=10,
        windows=3,
        each=10,
        does="rollback",
    ),
    Rule(
        ("S2-04a", "S2-07d", "W-121", "W-129", "W-133"),
        CANARY,
        "full",
        "db_pool",
        over=level(1.0),
        limit=level(0.999),
        window=1,
        each=1,
        does="rollback",
    ),
    Rule(
        ("S2-04b", "W-129", "W-134"),
        CANARY,
        "canary",
        "oom_share",
        over=level(0.21),
        limit=level(0.2),
        window=1,
        each=1,
        does="rollback",
    ),
]

ALERTS = [
    Rule(
        ("S2-07a", "W-117", "W-118", "W-123", "X-34"),
        CANARY,
        "canary",
        "error_rate",
        over=share(11),
        limit=share(10),
        window=300,
        does="page",
    ),
    Rule(
        ("S2-07b", "W-119", "W-123"),
        CANARY,
        "canary",
        "latency_p99",
        over=slow(11, 2.0),
        limit=slow(10, 2.0),
        window=60,
        does="page",
    ),
    Rule(
        ("S2-07c", "W-101", "W-120", "W-123", "X-06"),
        CANARY,
        "canary",
        "health",
        over=DOWN,
        limit=UP,
        window=10,
        windows=2,
        each=10,
        does="page",
    ),
    Rule(
        ("S2-07e", "W-122", "W-123"),
        CANARY,
        "full",
        "memory",
        over=level(0.91),
        limit=level(0.9),
        window=1,
        each=1,
        does="page",
    ),
    Rule(
        ("S2-08a", "W-124", "W-128"),
        CANARY,
        "canary",
        "error_rate",
        over=share(6),
        limit=share(5),
        window=60,
        does="notify",
    ),
    Rule(
        ("S2-08b", "W-125", "W-128"),
        CANARY,
        "canary",
        "latency_p99",
        over=slow(11, 1.0),
        limit=slow(10, 1.0),
        window=60,
        does="notify",
    ),
    Rule(
        ("S2-08c", "W-126", "W-128"),
        CANARY,
        "p25",
        "disk_free",
        over=level(0.19),
        limit=level(0.2),
        window=1,
        each=1,
        does="notify",
    ),
    Rule(
        ("S2-08d", "W-127", "W-128"),
        CANARY,
        "p25",
        "cache_hit",
        over=level(0.79),
        limit=level(0.8),
        window=1,
        each=1,
        does="notify",
    ),
]

GATES = [
    Gate(
        rows,
        plan,
        wave,
        "error_rate",
        over=share(2000, MANY),
        limit=share(1000, MANY),
        under=share(500, MANY),
        does="rollback",
        good=GOOD,
    )
    for rows, plan, wave in [
        (("S2-06a", "W-069", "W-084", "W-085", "W-086"), CANARY, "canary"),
        (("S2-06a", "W-085", "W-086"), CANARY, "p25"),
        (("S2-06a", "W-085", "W-086"), CANARY, "majority"),
        (("W-077",), BLUE_GREEN, "green-5"),
    ]
] + [
    Gate(
        rows,
        plan,
        wave,
        "latency_p99",
        over=slow(20_000, 0.5, MANY),
        limit=slow(10_000, 0.5, MANY),
        under=slow(5_000, 0.5, MANY),
        does="rollback",
        good=GOOD,
    )
    for rows, plan, wave in [
        (("S2-06b", "W-070", "W-086"), CANARY, "canary"),
        (("W-077",), BLUE_GREEN, "green-25"),
    ]
]
