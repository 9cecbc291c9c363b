"""The parts of the configuration about what is kept outside the bot's own database."""

from bot.domain.plan_terms import Closed


class RecordsDocument(Closed, frozen=True, kw_only=True):
    """Where change logs and version items are written.

    folder: beside the configuration unless it begins with a slash.
    """

    folder: str
