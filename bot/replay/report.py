"""What a replay found, as values: the waves, the triggers that fired, what was said, the end."""

from datetime import datetime, timedelta

import msgspec

from bot.domain.gates import Finding, Verdict


class Band(msgspec.Struct, frozen=True):
    """A stretch of time at one weight.

    wave: its id, "watch" after promotion. weight: percent. extended: by how much its soak grew.
    findings: what the gates said at its end. led_to: the phase it was left for.
    """

    wave: str
    weight: float
    began_at: datetime
    soak: timedelta
    ended_at: datetime | None = None
    extended: timedelta = timedelta()
    findings: tuple[Finding, ...] = ()
    led_to: str = ""

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of its gates; pass when it has none."""
        found = {finding.verdict for finding in self.findings}
        order = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.INCONCLUSIVE)
        return next((verdict for verdict in order if verdict in found), Verdict.PASS)


class Fired(msgspec.Struct, frozen=True):
    """A trigger or an alert that was satisfied. shown: the numbers that did it."""

    at: datetime
    id: str
    text: str
    do: str
    shown: str
    wave: str


class Said(msgspec.Struct, frozen=True):
    """What was posted in the thread; paged: what called somebody."""

    at: datetime
    text: str
    paged: bool = False


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A plan over recorded data.

    phase: where the release stood at the end of the replay, as stored. ended_at: when it was over,
    None when the data ended first. step: the distance of the points. looks: how often it was
    looked at the metrics. notes: what was assumed.
    """

    plan: str
    start: datetime
    end: datetime
    step: timedelta
    phase: str
    reason: str
    rollback_reason: str
    ended_at: datetime | None
    soak_left: timedelta
    bands: tuple[Band, ...]
    fired: tuple[Fired, ...]
    said: tuple[Said, ...]
    looks: int
    notes: tuple[str, ...] = ()
