"""The pages that are reached by a signed link alone: stopping mails, and how a mail will look."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from bot.domain import leaving
from bot.domain.secret import Secret
from bot.engine.clock import Clock
from bot.engine.illustrating import Illustrator
from bot.engine.notices import Notices
from bot.engine.subscribers import Subscribers
from bot.leaving import leaving_route
from bot.previewing import preview_route


def pages(
    secret: Secret,
    clock: Clock,
    subscribers: Subscribers,
    notices: Notices,
    pictures: Illustrator,
) -> Sequence[BaseRoute]:
    """Their routes. secret: from which the keys of the links are made."""
    return (
        leaving_route(leaving.key_from(secret), subscribers.leave),
        preview_route(secret, clock, notices.find, pictures.of),
    )
