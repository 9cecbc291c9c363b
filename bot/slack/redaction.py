"""Keeps tokens and what people typed out of the logs of the Slack libraries.

Bolt logs whole request bodies (of bad signatures, of requests nobody listens to), and a body holds
a response_url that anybody could post to. What remains after a cut says enough to find the cause.
"""

import logging
import re
from collections.abc import Iterable

from bot.domain.secret import Secret

SHORTEST = 8
"""Characters of a secret that is looked for by itself."""

MOST = 500
"""The longest record of a Slack library, in characters."""

_MARK = "[redacted]"
_SECRETS = re.compile(
    r"xox[a-z]-[A-Za-z0-9-]+"
    r"|xapp-[A-Za-z0-9-]+"
    r"|(?i:bearer)\s+[A-Za-z0-9._~+/=-]+"
    r"|https://hooks\.slack\.com/\S+"
    r"|v0=[0-9a-f]{64}"
    r"|(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"
)
_BODY = re.compile(r"(?s)(?:\bbody\b\s*[:=]|\{).*")


def redact(text: str) -> str:
    """The text without anything that opens a door."""
    return _SECRETS.sub(_MARK, text)


def without_body(text: str) -> str:
    """A library's record up to where it quotes a request, on at most `MOST` characters."""
    return redact(_BODY.sub(_MARK, text))[:MOST]


def on_one_line(text: str) -> str:
    """The text with what can't be printed written out.

    What people and other systems wrote may be in it: no line of a log begins where they want one
    to, and nothing speaks to the terminal in which somebody reads it.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class SecretFilter(logging.Filter):
    """Takes tokens out of every record, and keeps it on its line; for the root handlers.

    known: the secrets of this installation, which are found whatever they look like; those of fewer
    than `SHORTEST` characters are not, since they would be found in ordinary words.
    """

    def __init__(self, known: Iterable[Secret] = ()) -> None:
        super().__init__()
        texts = {secret.reveal().strip() for secret in known}
        self._known = sorted((t for t in texts if len(t) >= SHORTEST), key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; it always passes."""
        record.msg, record.args = on_one_line(self._clean(record.getMessage())), None
        if record.exc_info:
            # Formatters use this text as it is, once it is there.
            told = record.exc_text or logging.Formatter().formatException(record.exc_info)
            record.exc_text = self._clean(told)
        return True

    def _clean(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, _MARK)
        return redact(text)


class BodyFilter(logging.Filter):
    """Takes request bodies out of a library's records."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; it always passes."""
        record.msg, record.args = without_body(record.getMessage()), None
        return True


def library_logger(name: str = "slack_bolt") -> logging.Logger:
    """A logger for a Slack library that never shows a body.

    Its level is set, because the libraries take an unset one for DEBUG and then format every body.
    """
    logger = logging.getLogger(f"bot.slack.{name}")
    logger.setLevel(logging.ERROR)
    if not any(isinstance(each, BodyFilter) for each in logger.filters):
        logger.addFilter(BodyFilter())
    return logger
