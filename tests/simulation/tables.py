"""How what was simulated is put into words and tables."""

import msgspec
import numpy as np

from tests.simulation.soaks import NEVER, Counts

SOON = 30
"""Minutes within which something should be found."""


class Table(msgspec.Struct, frozen=True):
    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        lines = [self.heads, ("---",) * len(self.heads), *self.rows]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(r)} |" for r in lines)])


def happened(at: Counts) -> float:
    return float((at < NEVER).mean())


def percent(share: float) -> str:
    """Two digits: 0.08 %, 1.8 %, 26 %, 99.6 %."""
    if share in (0.0, 1.0):
        return f"{share * 100:.0f} %"
    if share < 0.001:
        return f"{share * 100:.2f} %"
    return f"{share * 100:.{0 if 0.1 <= share < 0.95 else 1}f} %"


def soon(at: Counts) -> str:
    """The median minute, and how many were found within half an hour when that is not all."""
    if not len(at):
        return "-"
    middle = float(np.median(at))
    within = float((at <= SOON).mean())
    median = f"{middle:.0f} min" if middle < NEVER / 2 else "never"
    return median if within > 0.99 else f"{median} ({percent(within)} within 30)"
