"""Addresses as Slack's links; what can't be one is shown as text."""

import re

from bot.slack.text import escape

_ADDRESS = re.compile(r"https?://[^\s<>|]{1,2000}")


def link(url: str, text: str) -> str:
    """The words as a link, in mrkdwn."""
    said = escape(text).replace("|", " ")
    if _ADDRESS.fullmatch(url) is None:
        return f"{said} {escape(url)}".rstrip()
    return f"<{url.replace('&', '&amp;')}|{said}>"
