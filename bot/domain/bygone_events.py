"""What can be said of the time before a release, once it has been read."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.baselines import Bygone


class PastRead(msgspec.Struct, frozen=True, tag=True):
    """What the old version did from `since` to `until` (aware, UTC).

    read: by metric. left: those of which nothing could be learnt yet.
    """

    read: Mapping[str, Bygone]
    since: datetime
    until: datetime
    left: tuple[str, ...] = ()
