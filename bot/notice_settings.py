"""`notices:` in countersign.yml."""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bot.domain.addresses import is_address
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.notice_times import zone_of
from bot.domain.plan_terms import Closed, Duration, Name
from bot.outgoing import StatuspageDocument

ChannelId = Annotated[str, Meta(pattern=r"^[CGD][A-Z0-9]{2,}$")]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")]
Severity = Literal["critical", "major", "minor"]


class CadenceDocument(Closed, frozen=True, kw_only=True):
    """How often customers hear of an incident. first: until the first word; second: until the next
    one; every: from then on, for the time `busy` since it began; later: after that."""

    first: Duration
    second: Duration
    every: Duration
    busy: Duration
    later: Duration


class AudienceDocument(Closed, frozen=True, kw_only=True):
    """How an audience inside the house is reached."""

    channels: tuple[ChannelId, ...] = ()
    mail: tuple[str, ...] = ()


class NoticesDocument(Closed, frozen=True, kw_only=True):
    """What customers are told, and how it reaches them.

    from: who e-mail comes from. recipients: the file of those who get it. url: where customers
    reach the bot, for the link that ends a subscription. statuspage: the page that shows them.
    channels: Slack channels in which notices are published. zones: time zones in which times are
    told, the main one first. support, status_page: what every notice ends with. templates: folders
    with templates of your own. languages: of the notices, the main one first. channels_in:
    channels for the others. approvers: roles of which each has to approve; one person of any role
    unless some are named. public_hosts: names of hosts that customers may read. cadence: by
    severity. audiences: who hears of releases inside the house, by the names that plans use.
    """

    from_: str = msgspec.field(default="", name="from")
    recipients: str = ""
    url: str = ""
    statuspage: StatuspageDocument | None = None
    channels: tuple[ChannelId, ...] = ()
    zones: tuple[str, ...] = ()
    support: str = ""
    status_page: str = ""
    templates: tuple[str, ...] = ()
    languages: Annotated[tuple[Language, ...], Meta(min_length=1)] = ("en",)
    channels_in: Mapping[Language, tuple[ChannelId, ...]] = {}
    approvers: tuple[Name, ...] = ()
    public_hosts: tuple[str, ...] = ()
    cadence: Mapping[Severity, CadenceDocument] = {}
    audiences: Mapping[Name, AudienceDocument] = {}


def notice_mistakes(
    document: NoticesDocument | None, roles: Collection[str]
) -> list[DocumentError]:
    """What only the whole file can tell."""
    notices = document or NoticesDocument()
    errors: list[DocumentError] = []
    place: Path
    for index, zone in enumerate(notices.zones):
        try:
            zone_of(zone)
        except ValueError as error:
            errors.append(DocumentError(("notices", "zones", index), str(error)))
    for index, role in enumerate(notices.approvers):
        if role not in roles:
            place = ("notices", "approvers", index)
            hint = nearest(role, roles)
            errors.append(DocumentError(place, f"there is no role {role!r}", hint))
    for name, audience in notices.audiences.items():
        if not audience.channels and not audience.mail:
            problem = "nobody is reached by it"
            errors.append(DocumentError(("notices", "audiences", name), problem, "add `channels`"))
        for index, address in enumerate(audience.mail):
            if not is_address(address):
                place = ("notices", "audiences", name, "mail", index)
                errors.append(DocumentError(place, f"{address!r} is not an address"))
    for language in notices.channels_in:
        if language not in notices.languages[1:]:
            problem = f"{language!r} is none of the further languages"
            hint = "add it to `languages`; the channels of the main one stand under `channels`"
            errors.append(DocumentError(("notices", "channels_in", language), problem, hint))
    return errors
