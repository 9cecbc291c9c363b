"""What readings add up to over a stretch of time, without losing the counts they are made of.

A gauge has no counts; its `Level` keeps sum and number, so that the mean of a stretch and its
newest value are both at hand. A probe becomes a level of failures: 0 for ok, 1 for not ok.
"""

import math

import msgspec

from bot.domain.samples import Buckets, Counts, Gauge, Probe, Value


class Level(msgspec.Struct, frozen=True, tag="level"):
    """Gauge or probe values of a stretch: their sum, how many, the newest, and its detail."""

    sum: float
    n: float
    last: float
    detail: str = ""


Total = Counts | Buckets | Level

LARGEST = 1e18
"""What is larger was not counted; sums of such numbers overflow and can't be kept."""


def flaw(value: Value) -> str:
    """Why a value can't be true, "" when it can: no number, negative, too large, too many bad."""
    match value:
        case Counts(bad, total):
            numbers, whole, parts = [bad, total], total, [bad]
        case Buckets(total, cumulative):
            whole, parts = total, [count for _, count in cumulative]
            numbers = [total, *parts, *(edge for edge, _ in cumulative)]
        case Gauge(level):
            return "" if abs(level) <= LARGEST else f"the value is {level:g}"
        case Probe():
            return ""
    if not all(math.isfinite(number) for number in numbers):
        return "a count is not a number"
    if min(numbers) < 0:
        return "a count is negative"
    if max(numbers) > LARGEST:
        return f"a count is {max(numbers):g}"
    return "more events of a kind than events" if any(part > whole for part in parts) else ""


def total_of(value: Value) -> Total:
    """A single value as a total."""
    match value:
        case Counts() | Buckets():
            return value
        case Gauge(level):
            return Level(level, 1, level)
        case Probe(ok, detail):
            failed = 0.0 if ok else 1.0
            return Level(failed, 1, failed, detail)


def add(old: Total | None, new: Total) -> Total:
    """Both stretches together. A total of another kind (the metric was redefined) is replaced.

    Histograms are added edge by edge; an edge that one side lacks is dropped, never guessed.
    """
    match old, new:
        case Counts(), Counts():
            return Counts(old.bad + new.bad, old.total + new.total)
        case Buckets(), Buckets():
            known = dict(old.cumulative)
            both = tuple((e, known[e] + n) for e, n in new.cumulative if e in known)
            return Buckets(old.total + new.total, both) if both or not known else new
        case Level(), Level():
            return Level(old.sum + new.sum, old.n + new.n, new.last, new.detail)
        case _:
            return new


def empty(total: Total) -> bool:
    """Whether a total holds nothing that could be compared."""
    return (total.n if isinstance(total, Level) else total.total) <= 0


def averaged(total: Total) -> Total:
    """The total with a gauge's mean as its value: what a window of gauge samples stands for."""
    if isinstance(total, Level) and total.n:
        return msgspec.structs.replace(total, last=total.sum / total.n)
    return total


def worst(total: Total) -> Total:
    """The total with a probe's worst answer as its value: one failure in a window is a failure."""
    if isinstance(total, Level):
        return msgspec.structs.replace(total, last=1.0 if total.sum > 0 else 0.0)
    return total


def vector(total: Total) -> tuple[float, ...]:
    """The numbers of a total that can be added one by one; `from_vector` reads them again."""
    match total:
        case Counts(bad, count):
            return (bad, count)
        case Buckets(count, cumulative):
            return (count, *(n for _, n in cumulative))
        case Level(level, n):
            return (level, n)


def from_vector(numbers: tuple[float, ...], like: Total) -> Total | None:
    """A total of the same kind and edges as `like`; None when the numbers don't fit it."""
    match like:
        case Counts():
            return Counts(numbers[0], numbers[1]) if len(numbers) == 2 else None
        case Level():
            if len(numbers) != 2 or not numbers[1]:
                return None
            return Level(numbers[0], numbers[1], numbers[0] / numbers[1])
        case Buckets(_, cumulative):
            if len(numbers) != len(cumulative) + 1:
                return None
            edges = (edge for edge, _ in cumulative)
            return Buckets(numbers[0], tuple(zip(edges, numbers[1:], strict=True)))
