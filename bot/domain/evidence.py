"""Where numbers of events become a verdict: the only place that compares counts with a limit."""

import math
from enum import StrEnum

from bot.domain.conditions import Operator


class Verdict(StrEnum):
    """What can be said about a condition. Absence of data is never a pass.

    Of a gate, `pass` means that it holds. Of a trigger or an alert, `fail` means that it is
    satisfied, so that `fail` is the bad answer everywhere.
    """

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    UNKNOWN = "unknown"


def judge_share(
    bad: float, total: float, limit: float, operator: Operator, min_requests: int
) -> Verdict:
    """Whether `bad / total OPERATOR limit`.

    bad, total: events counted. limit: a share, 0..1 (others are compared as they are).
    min_requests: with fewer events than this nothing is concluded; never less than one.
    Returns PASS when it holds, FAIL when it does not, UNKNOWN for counts that can't be true.
    """
    if not all(math.isfinite(number) for number in (bad, total, limit)):
        return Verdict.UNKNOWN
    if bad < 0 or bad > total:
        return Verdict.UNKNOWN
    if total <= 0 or total < min_requests:
        return Verdict.INCONCLUSIVE
    return Verdict.PASS if operator.holds(bad / total, limit) else Verdict.FAIL
