"""Words on their way to Slack: nothing a person typed may turn into a mention, a link or a trick.

The domain writes plain text in which `@[person]` stands for a person and `t[unix seconds]` for an
instant. Here everything is escaped first, and only then those two tokens become Slack's own.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

from bot.domain.people import BOT
from bot.domain.plain import LAST_INSTANT, TOKEN, plain

ELLIPSIS = "…"
MESSAGE_TEXT = 4000
"""The longest text of a message, in characters."""

_REFERENCE = re.compile(r"<([^<>\s][^<>]*)>")
_ACCOUNT = re.compile(r"[UW][A-Z0-9]{2,30}")
# Characters that show nothing and are not in a category of their own.
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_LINES = {"\u2028": "\n", "\u2029": "\n", "\r": "\n", "\t": " "}


def clean(text: str) -> str:
    """The text without what can't be seen: bidi and zero-width characters, controls, surrogates."""
    return "".join(_visible(char) for char in text.replace("\r\n", "\n"))


def _visible(char: str) -> str:
    if char in _LINES:
        return _LINES[char]
    if char == "\n":
        return char
    tag = 0xE0000 <= ord(char) <= 0xE0FFF  # invisible, and not all of them are assigned
    hidden = tag or char in _BLANKS or unicodedata.category(char) in {"Cf", "Cc", "Cs"}
    return "" if hidden else char


def escape(text: str) -> str:
    """Text as Slack shows it literally: cleaned, and without meaning for `& < >`."""
    plain = clean(text)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    """At most `most` characters; what is missing shows as …, and no entity or link is cut open."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    if head.rfind("<") > head.rfind(">"):
        head = head[: head.rfind("<")]
    entity = head.rfind("&")
    if entity >= max(0, len(head) - 5) and ";" not in head[entity:]:
        head = head[:entity]
    return head + ELLIPSIS


def quote(text: str, most: int = 300) -> str:
    """What a person typed, on one line, escaped and cut to `most` characters."""
    return cut(escape(" ".join(text.split())), most)


def typed(text: str) -> str:
    """What somebody typed after a command, as they typed it.

    Slack escapes it (`should_escape`). A person becomes a token of the domain, a channel and a link
    become their names.
    """

    def name(found: re.Match[str]) -> str:
        target, _, label = found[1].partition("|")
        if _ACCOUNT.fullmatch(target.removeprefix("@")) and target.startswith("@"):
            return f"@[{target[1:]}]"
        if target.startswith("#"):
            return f"#{label or target[1:]}"
        return label or target if target.startswith("!") else target

    plain = _REFERENCE.sub(name, text)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def bold(text: str) -> str:
    """Escaped text in bold; asterisks of its own would end the bold early and are left out."""
    inner = escape(text).replace("*", "").strip()
    return f"*{inner}*" if inner else ""


def code(text: str) -> str:
    """Escaped text as code; backticks of its own would end it early and become apostrophes."""
    return f"`{escape(text).replace('`', chr(39)) or ' '}`"


def clock(at: datetime, *, seconds: bool = False) -> str:
    """An instant in each reader's own zone, with UTC where Slack can't convert.

    at: aware. seconds: show them, for things that happen within minutes.
    """
    utc = at.astimezone(UTC)
    form = "{time_secs}" if seconds else "{time}"
    fallback = utc.strftime("%Y-%m-%d %H:%M:%S UTC" if seconds else "%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(utc.timestamp())}^{{date_short_pretty}} {form}|{fallback}>"


def mention(person: str, accounts: Mapping[str, str]) -> str:
    """A person as Slack names them.

    accounts: person -> their first account; a bare account id stands for itself, and a person
        without an account is named in words.
    """
    account = accounts.get(person, person)
    if _ACCOUNT.fullmatch(account):
        return f"<@{account}>"
    return "Countersign" if person == BOT else escape(person)


def render(text: str, accounts: Mapping[str, str], *, seconds: bool = False) -> str:
    """Text of the domain as Slack's mrkdwn: escaped, its tokens filled in (see `clock`)."""

    def fill(found: re.Match[str]) -> str:
        if found[1] is not None:
            return mention(found[1], accounts)
        unix = min(int(found[2]), LAST_INSTANT)
        return clock(datetime.fromtimestamp(unix, UTC), seconds=seconds)

    return TOKEN.sub(fill, escape(text))


def words(text: str, names: Mapping[str, str] | None = None, *, seconds: bool = False) -> str:
    """Text of the domain where nothing can be linked (dialogs, terminals): names and UTC."""
    return plain(clean(text), names, seconds=seconds)
