"""Tickets as issues of a GitHub repository.

The API knows no idempotency key. Ours stands in the text, where readers don't see it, and before an
issue or a comment is written, those that are there are looked through for it: a lost reply, a
restart or another replica repeats nothing. https://docs.github.com/en/rest/issues
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from bot.domain.calling import Ticket, TicketOrder
from bot.domain.secret import Secret
from bot.outbound.asking import ask
from bot.ports import PermanentError

API = "https://api.github.com"
VERSION = "2022-11-28"
LABEL = "countersign"
"""Every issue of ours has it: by it they are found again."""

LONGEST_TITLE, LONGEST_BODY = 256, 65_000
PAGE_SIZE, PAGES = 100, 5

_CALLED = re.compile(r"(?<![\w.])@(?=\w)")


class GitHubIssues:
    """Implements `bot.ports.Tickets`. repository: owner/name. labels: on every issue."""

    def __init__(
        self,
        repository: str,
        token: Secret,
        *,
        http: httpx.AsyncClient,
        labels: tuple[str, ...] = (),
        api: str = API,
    ) -> None:
        if not token:
            raise ValueError("issues need a token: set COUNTERSIGN_GITHUB_TOKEN")
        self._repository = repository
        self._token = token
        self._http = http
        self._labels = labels
        self._base = f"{api.rstrip('/')}/repos/{repository}"

    async def open(self, order: TicketOrder) -> Ticket:
        """See `Tickets`."""
        mark = _mark(order.key)
        labels = f"{self._base}/issues?state=all&labels={LABEL}&sort=created&direction=desc"
        async for issue in self._all(labels):
            if mark in (issue.get("body") or ""):
                return self._ticket(issue)
        made = await self._ask(
            "POST",
            f"{self._base}/issues",
            {
                "title": quiet(order.title)[:LONGEST_TITLE],
                "body": f"{quiet(order.body)[:LONGEST_BODY]}\n\n{mark}",
                "labels": [*dict.fromkeys((LABEL, *self._labels, *order.labels))],
            },
        )
        return self._ticket(made)

    async def close(self, ticket: Ticket, text: str, key: str) -> None:
        """See `Tickets`."""
        issue = f"{self._base}/issues/{_number(ticket)}"
        mark = _mark(key)
        said = [each async for each in self._all(f"{issue}/comments?")]
        if not any(mark in (each.get("body") or "") for each in said):
            body = {"body": f"{quiet(text)[:LONGEST_BODY]}\n\n{mark}"}
            await self._ask("POST", f"{issue}/comments", body)
        await self._ask("PATCH", issue, {"state": "closed", "state_reason": "completed"})

    async def _all(self, url: str) -> AsyncIterator[Mapping[str, Any]]:
        """Everything that is listed there, as far as anybody looks."""
        for page in range(1, PAGES + 1):
            found = await self._ask("GET", f"{url}&per_page={PAGE_SIZE}&page={page}")
            for each in found:
                yield each
            if len(found) < PAGE_SIZE:
                return

    async def _ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
        request = self._http.build_request(
            method,
            url,
            json=body,
            headers={
                "accept": "application/vnd.github+json",
                "authorization": f"Bearer {self._token.reveal()}",
                "x-github-api-version": VERSION,
                "user-agent": "countersign",
            },
        )
        return (await ask(self._http, request, "GitHub")).json()

    def _ticket(self, issue: Mapping[str, Any]) -> Ticket:
        return Ticket(f"{self._repository}#{issue['number']}", str(issue.get("html_url") or ""))


def quiet(text: str) -> str:
    """Text in which nobody is called: a name after @ would be, whoever wrote it.

    A comment of one's own would hide the words after it, and the mark by which the issue is found.
    """
    return _CALLED.sub("@\u200b", text).replace("<!--", "<!\u200b--")


def _mark(key: str) -> str:
    return f"<!-- countersign {key} -->"


def _number(ticket: Ticket) -> int:
    number = ticket.reference.rpartition("#")[2]
    if not number.isdigit():
        raise PermanentError(f"{ticket.reference!r} is no issue of the repository")
    return int(number)
