"""From `paging:` and `tickets:` to the systems that they name."""

from collections.abc import Sequence

import httpx

from bot.domain.calling import Call
from bot.engine.clock import Clock
from bot.outbound import github_issues, pagerduty
from bot.outbound.github_issues import GitHubIssues
from bot.outbound.pagerduty import PagerDuty
from bot.outbound.webhook import Webhook, WebhookPager, WebhookTickets
from bot.ports import Pager, PermanentError, TemporaryError, Tickets
from bot.publishing import Lacking
from bot.settings import Settings


class Everybody:
    """Several pagers as one: each is told, and one that fails keeps no other from it."""

    def __init__(self, pagers: Sequence[Pager]) -> None:
        self._pagers = pagers

    async def trigger(self, call: Call) -> None:
        """See `Pager`."""
        await self._each("trigger", call)

    async def acknowledge(self, call: Call) -> None:
        """See `Pager`."""
        await self._each("acknowledge", call)

    async def resolve(self, call: Call) -> None:
        """See `Pager`."""
        await self._each("resolve", call)

    async def _each(self, do: str, call: Call) -> None:
        failed: TemporaryError | PermanentError | None = None
        for pager in self._pagers:
            try:
                await getattr(pager, do)(call)
            except (TemporaryError, PermanentError) as error:
                failed = failed if isinstance(failed, TemporaryError) else error
        if failed is not None:
            raise failed


def pager(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> Pager | None:
    """Who is told to wake somebody, None where nothing is configured."""
    paging, kept = settings.config.paging, settings.secrets
    found: list[Pager] = []
    if paging is not None and paging.pagerduty is not None and kept.pagerduty:
        api = paging.pagerduty.url or pagerduty.API
        found.append(PagerDuty(kept.pagerduty, http=http, api=api))
    if paging is not None and paging.webhook and kept.webhook:
        webhook = Webhook(paging.webhook, kept.webhook, http=http, now=clock.now)
        found.append(WebhookPager(webhook))
    return Everybody(found) if found else None


def tickets(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> Tickets | None:
    """Where tickets are kept, None where nothing is configured."""
    document, kept = settings.config.tickets, settings.secrets
    if document is None:
        return None
    if document.github is not None:
        github = document.github
        if not kept.github:
            return None
        return GitHubIssues(
            github.repository,
            kept.github,
            http=http,
            labels=github.labels,
            api=github.url or github_issues.API,
        )
    if not document.webhook or not kept.webhook:
        return None
    webhook = Webhook(document.webhook, kept.webhook, http=http, now=clock.now)
    return WebhookTickets(webhook)


def lacking(settings: Settings) -> list[Lacking]:
    """What pages and tickets lack, for `doctor` and the log."""
    paging, document, kept = settings.config.paging, settings.config.tickets, settings.secrets
    hooked = [("paging", paging is not None and paging.webhook)]
    hooked.append(("tickets", document is not None and document.webhook))
    found = []
    if paging is not None and paging.pagerduty is not None and not kept.pagerduty:
        do = "Set COUNTERSIGN_PAGERDUTY_KEY to the integration key of an Events API v2 integration."
        found.append(Lacking("paging", "PagerDuty has no key, so nobody is paged there", do))
    if document is not None and document.github is not None and not kept.github:
        do = "Set COUNTERSIGN_GITHUB_TOKEN to a token that may write issues of that repository."
        found.append(Lacking("tickets", "GitHub has no token, so no ticket is opened", do))
    for what, url in hooked:
        if url and not kept.webhook:
            do = "Set COUNTERSIGN_WEBHOOK_SECRET to a secret that the far side knows too."
            found.append(Lacking(what, "the webhook has no secret, so nothing is sent there", do))
    return found
