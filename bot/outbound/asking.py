"""One HTTP call to somebody else's system, and what its answer means."""

from collections.abc import Mapping
from datetime import timedelta

import httpx

from bot.ports import PermanentError, TemporaryError

_SAID = 300
_PATIENCE = timedelta(seconds=60)
"""How long to wait when it is too much and nobody says for how long."""


async def ask(http: httpx.AsyncClient, request: httpx.Request, who: str) -> httpx.Response:
    """The answer to a request, if it is a good one.

    who: is asked, for messages. Raises TemporaryError and PermanentError.
    """
    try:
        answer = await http.send(request)
    except httpx.ConnectError as error:
        raise TemporaryError(f"{who} can't be reached: {error}") from error
    except httpx.HTTPError as error:
        name = type(error).__name__
        raise TemporaryError(f"{who} did not answer ({name})", unknown=True) from error
    if answer.is_success:
        return answer
    said = f"{who} answers {answer.status_code}: {answer.text[:_SAID]}".rstrip(": ")
    if answer.status_code == 429 or _limited(answer.headers):
        raise TemporaryError(said, retry_after=_wait(answer.headers))
    if answer.status_code >= 500 or answer.status_code == 408:
        raise TemporaryError(said, unknown=True)
    raise PermanentError(said, code=str(answer.status_code))


def _limited(headers: Mapping[str, str]) -> bool:
    """GitHub says 403 when it means that it is too much."""
    return "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"


def _wait(headers: Mapping[str, str]) -> timedelta:
    text = headers.get("retry-after", "")
    return timedelta(seconds=int(text)) if text.isascii() and text.isdigit() else _PATIENCE
