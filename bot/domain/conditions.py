"""Conditions as plans write them: METRIC OP LIMIT, and what is not a number but a person's word.

    error_rate < 0.1%          latency_p99 > 2x baseline       error_rate > baseline + 1pp
    health != ok               response_time < baseline + 10%  error_rate > wave(w1) + 5pp
    alerts(critical) == 0      levels(target) == missed        trend(error_rate) < 0

Everything is turned into base units here, once: shares are 0..1, times are seconds.
"""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Literal

import msgspec

from bot.domain.units import parse_duration


class Action(StrEnum):
    """What a satisfied condition does."""

    ROLLBACK = "rollback"
    STEP_BACK = "step_back"
    PAUSE = "pause"
    NOTIFY = "notify"


class Operator(StrEnum):
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    EQUAL = "=="
    NOT_EQUAL = "!="

    def holds(self, left: float, right: float) -> bool:
        """Whether `left OP right`; strict operators are strict."""
        match self:
            case Operator.LESS:
                return left < right
            case Operator.LESS_EQUAL:
                return left <= right
            case Operator.GREATER:
                return left > right
            case Operator.GREATER_EQUAL:
                return left >= right
            case Operator.EQUAL:
                return left == right
            case Operator.NOT_EQUAL:
                return left != right


class LimitKind(StrEnum):
    ABSOLUTE = "absolute"  # value is the limit itself
    TIMES_BASELINE = "times_baseline"  # value x the baseline
    ABOVE_BASELINE = "above_baseline"  # baseline + value (points, as a share)
    OVER_BASELINE = "over_baseline"  # baseline x (1 + value)
    ABOVE_WAVE = "above_wave"  # an earlier wave's value + value (points, as a share)
    OK = "ok"  # a probe's answer
    STATE = "state"  # missed or reached, of the plan's levels


class Limit(msgspec.Struct, frozen=True):
    """The right side of a comparison; `text` is what the plan says."""

    kind: LimitKind
    text: str
    value: float = 0.0
    wave: str = ""

    @property
    def relative(self) -> bool:
        """Whether it needs a baseline to compare with."""
        return self.kind in {
            LimitKind.TIMES_BASELINE,
            LimitKind.ABOVE_BASELINE,
            LimitKind.OVER_BASELINE,
        }


class Comparison(msgspec.Struct, frozen=True):
    """METRIC OP LIMIT, parsed. `subject` is a metric of the plan or one of the bot's own subjects
    with its argument, as in alerts(critical)."""

    subject: str
    argument: str
    operator: Operator
    limit: Limit


Kind = Literal["if", "event", "attest", "check", "include", "targets", "stable"]


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One gate, trigger or alert.

    window: length of one evaluation window; None: the whole soak (gates) or single samples.
    hold: how long it must hold (`for:` and `stable:` in the file); exclusive with `consecutive`.
    consecutive: how many windows (or samples) in a row.
    proof: `evidence: require`; what only the rule says pauses, until it is evidence as well.
    caused: `cause: release`; it pauses while the version before is over the same limit.
    value: a number has to be given with the answer, and to hold. tells: which criterion of success
    the answer is about.
    """

    id: str
    kind: Kind
    text: str
    comparison: Comparison | None = None
    window: timedelta | None = None
    hold: timedelta | None = None
    consecutive: int = 1
    do: Action = Action.ROLLBACK
    say: str = ""
    act: str = ""
    by: tuple[str, ...] = ()
    optional: bool = False
    proof: bool = False
    caused: bool = False
    value: str = ""
    tells: str = ""

    @property
    def runs_needed(self) -> int:
        """How many windows in a row satisfy the condition."""
        if self.hold is None or not self.window:
            return self.consecutive
        return max(1, round(self.hold / self.window))


STATES = ("missed", "reached")
"""What can be said of a level: a target is missed, a warning or critical level is reached."""

LONGEST = 100
"""Characters of a limit; a number of more digits is none."""

_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_COMPARISON = re.compile(r"([a-z][a-z0-9_]*)(?:\(([a-z0-9_-]+)\))?\s*(<=|>=|==|!=|<|>)\s*(.+)")
_PERCENT = re.compile(_NUMBER + r"\s*%")
_TIME = re.compile(_NUMBER + r"(?:ms|s|m|h|d|w)")
_PLAIN = re.compile(_NUMBER)
_TIMES = re.compile(_NUMBER + r"x\s+baseline")
_POINTS = re.compile(r"baseline\s*([+-])\s*" + _NUMBER + r"\s*pp")
_OVER = re.compile(r"baseline\s*([+-])\s*" + _NUMBER + r"\s*%")
_WAVE = re.compile(r"wave\(([a-z0-9_-]+)\)\s*([+-])\s*" + _NUMBER + r"\s*pp")


def parse_comparison(text: str) -> Comparison:
    """Parse METRIC OP LIMIT. Raises ValueError with an example of what is understood."""
    match = _COMPARISON.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a condition; write it like error_rate < 0.1%")
    return Comparison(match[1], match[2] or "", Operator(match[3]), parse_limit(match[4].strip()))


def parse_limit(text: str) -> Limit:
    """Parse a limit into base units. Raises ValueError with an example of what is understood."""
    if len(text) > LONGEST:
        raise ValueError(f"the limit is longer than {LONGEST} characters")
    relative = _parse_relative(text)
    if relative is not None:
        return relative
    if text == "ok":
        return Limit(LimitKind.OK, text)
    if text in STATES:
        return Limit(LimitKind.STATE, text)
    if match := _PERCENT.fullmatch(text):
        return Limit(LimitKind.ABSOLUTE, text, float(match[1]) / 100)
    if _TIME.fullmatch(text):
        return Limit(LimitKind.ABSOLUTE, text, parse_duration(text).total_seconds())
    if _PLAIN.fullmatch(text):
        return Limit(LimitKind.ABSOLUTE, text, float(text))
    raise ValueError(
        f"{text!r} is not a limit; write 0.1%, 500ms, 50, ok, 2x baseline, baseline + 1pp,"
        " baseline + 50% or wave(w1) + 5pp"
    )


def _parse_relative(text: str) -> Limit | None:
    if match := _TIMES.fullmatch(text):
        return Limit(LimitKind.TIMES_BASELINE, text, float(match[1]))
    if match := _POINTS.fullmatch(text):
        return Limit(LimitKind.ABOVE_BASELINE, text, _signed(match[1], match[2]) / 100)
    if match := _OVER.fullmatch(text):
        return Limit(LimitKind.OVER_BASELINE, text, _signed(match[1], match[2]) / 100)
    if match := _WAVE.fullmatch(text):
        return Limit(LimitKind.ABOVE_WAVE, text, _signed(match[2], match[3]) / 100, match[1])
    return None


def _signed(sign: str, number: str) -> float:
    return -float(number) if sign == "-" else float(number)
