"""Crypto-watch's conditions: three alarms, minute by minute."""

from tests.requirements.acting import DOWN, UP, Gate, Rule, level

PLAN = "crypto-watch-linear"
GOOD = {
    "lambda_error_rate": level(0.0),
    "apigw_5xx_rate": level(0.0),
    "lambda_throttles": level(0.0),
    "health": UP,
}

TRIGGERS = [
    Rule(
        rows,
        PLAN,
        "linear",
        metric,
        level(over),
        level(limit),
        window=60,
        windows=windows,
        does="rollback",
    )
    for rows, metric, over, limit, windows in [
        (("S2-19a", "C-046", "C-054", "X-25"), "lambda_error_rate", 0.051, 0.05, 2),
        (("S2-19b", "C-046", "C-055", "X-25"), "apigw_5xx_rate", 0.101, 0.1, 2),
        (("S2-19c", "C-056"), "lambda_throttles", 11, 10, 1),
    ]
]

GATES = [
    Gate(("C-008", "C-009", "C-010"), PLAN, "linear", "health", DOWN, DOWN, UP, "rollback", GOOD),
]
