"""What can happen to a rollout from outside of it before it begins, and when the line stops."""

from datetime import datetime

import msgspec

from bot.domain.holds import Hold
from bot.domain.people import Actor


class HoldsSeen(msgspec.Struct, frozen=True, tag=True):
    """What is in the way has changed while signatures are asked for; see `Outlook`."""

    holds: tuple[Hold, ...]
    opens_at: datetime | None = None


class LineStopped(msgspec.Struct, frozen=True, tag=True):
    """Nothing begins and nothing rises anywhere until the line is started again."""

    actor: Actor
    reason: str


class LineStarted(msgspec.Struct, frozen=True, tag=True):
    """The line runs again; what was paused waits for somebody to resume it."""

    actor: Actor


HoldEvent = HoldsSeen | LineStopped | LineStarted
