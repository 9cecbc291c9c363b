"""What a person is told in answer to what they did, as values."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bot.slack.text import cut, render

REPLY_TEXT = 3000
"""The longest answer, in characters."""


class Reply(msgspec.Struct, frozen=True):
    """An answer.

    text: in the domain's plain text, with its tokens; backticks make code. blocks: finished blocks,
    shown in place of the text. in_channel: for everybody; otherwise only the person sees it.
    seconds: its instants lie so close together that minutes would not tell them apart.
    """

    text: str
    blocks: Sequence[Mapping[str, Any]] = ()
    in_channel: bool = False
    seconds: bool = False


def reply_text(reply: Reply, accounts: Mapping[str, str]) -> str:
    """The text of an answer as Slack's mrkdwn, never empty and never too long."""
    return cut(render(reply.text, accounts, seconds=reply.seconds).strip(), REPLY_TEXT) or "Done."


def reply_body(reply: Reply, accounts: Mapping[str, str]) -> dict[str, Any]:
    """An answer as the acknowledgement of a command carries it."""
    body: dict[str, Any] = {
        "response_type": "in_channel" if reply.in_channel else "ephemeral",
        "text": reply_text(reply, accounts),
    }
    return body | ({"blocks": list(reply.blocks)} if reply.blocks else {})
