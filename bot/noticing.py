"""From `notices:` in the settings to what notices are made with and where they go."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bot.domain import preview_link
from bot.domain.notice import Cadence, Writing
from bot.domain.notice_clock import CADENCES
from bot.domain.plan import Approval
from bot.domain.preview_link import Seen
from bot.domain.units import parse_duration
from bot.engine.notices import Preview, Publishing
from bot.files import FileError
from bot.notice_settings import CadenceDocument, NoticesDocument
from bot.notice_templates import NoticeTemplates, builtin, in_folder
from bot.ports import Publisher
from bot.publishing import TRANSLATED
from bot.settings import Settings
from bot.template_trial import tried

EXPIRES = timedelta(hours=24)
REMIND = timedelta(hours=1)


def noticing(settings: Settings) -> Callable[[Mapping[str, Publisher]], Publishing]:
    """What notices are made with, once it is known how they leave the house.

    Raises FileError for templates that can't be used.
    """
    document = settings.config.notices or NoticesDocument()
    main, *_ = document.languages
    made = Publishing(
        writing=writing(document, templates(settings)),
        translated=TRANSLATED,
        zones=document.zones,
        languages=document.languages,
        channels={main: document.channels, **document.channels_in},
        inside={name: audience.channels for name, audience in document.audiences.items()},
        preview=_preview(settings, document.url),
    )
    return lambda publishers: msgspec.structs.replace(made, publishers=publishers)


def _preview(settings: Settings, base: str) -> Preview:
    """The links to how a mail will look, where it is known under which address that can be seen."""
    secret = settings.secrets.slack_signing or settings.secrets.slack_app
    key = preview_link.key_from(secret)

    def link(notice: str, number: int, now: datetime) -> str:
        return preview_link.link(base, key, Seen(notice, number), now) if base else ""

    return link


def templates(settings: Settings) -> NoticeTemplates:
    """The templates of the program and of the user's folders. Raises FileError."""
    document = settings.config.notices or NoticesDocument()
    return _loaded(tuple(settings.folder / name for name in document.templates))


@cache
def _loaded(folders: tuple[Path, ...]) -> NoticeTemplates:
    """Read once: compiling them takes longer than everything else at a start."""
    own = {name: text for folder in folders for name, text in in_folder(folder).items()}
    every = {**builtin(), **own}
    # All others are made with the base, too.
    names = every if any(name.startswith("base.") for name in own) else own
    problems = tried(every, sorted(names))
    if problems:
        raise FileError(problems)
    return NoticeTemplates(every)


def writing(document: NoticesDocument, found: NoticeTemplates) -> Writing:
    """The words and rules of a house."""
    known = {"support": document.support, "status_page": document.status_page}
    return Writing(
        render=found.render,
        rule=Approval(
            roles=document.approvers,
            any=0 if document.approvers else 1,
            comment_required=False,
            expires=EXPIRES,
            remind=REMIND,
        ),
        cadences={**CADENCES, **{k: _cadence(v) for k, v in document.cadence.items()}},
        known={name: text for name, text in known.items() if text},
        hosts=frozenset(document.public_hosts) | _host(document.status_page),
        audiences=frozenset(document.audiences),
    )


def _cadence(document: CadenceDocument) -> Cadence:
    return Cadence(
        parse_duration(document.first),
        parse_duration(document.second),
        parse_duration(document.every),
        parse_duration(document.busy),
        parse_duration(document.later),
    )


def _host(address: str) -> frozenset[str]:
    host = urlsplit(address).hostname
    return frozenset({host}) if host else frozenset()
