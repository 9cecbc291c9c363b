"""From `standup_templates:` in the settings to the words of standups."""

from functools import cache
from pathlib import Path

from bot.files import FileError, Problem
from bot.notice_templates import in_folder
from bot.settings import Settings
from bot.slack.standup_texts import StandupTexts


def standup_texts(settings: Settings) -> StandupTexts:
    """The words of standups; of several folders the last one counts most.

    Raises FileError with all that is wrong in them.
    """
    return _loaded(tuple(settings.folder / name for name in settings.config.standup_templates))


@cache
def _loaded(folders: tuple[Path, ...]) -> StandupTexts:
    """Read once, and tried on examples: a mistake is told at the start, not at nine o'clock."""
    sources: dict[str, str] = {}
    for folder in folders:
        sources |= in_folder(folder)
    found = StandupTexts(sources)
    problems = [Problem(file, line, (), text, hint) for file, line, text, hint in found.mistakes()]
    if problems:
        raise FileError(problems)
    return found
