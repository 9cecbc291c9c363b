"""What customers should perhaps not see: machines by their address or name, mentions of Slack, and
promises when something will be repaired.

A finding blocks nothing, since only a person knows whether it is meant; it stands on the card above
the button, and the one who approves has seen it.
"""

import ipaddress
import re
from collections.abc import Collection, Iterator

_WORD = re.compile(r"[\w.:\-]+")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.]*\d)")
_URL = re.compile(r"\bhttps?://([^\s/<>\"')]+)", re.IGNORECASE)
_HOST = re.compile(
    r"(?<![\w@.-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}(?::\d{1,5})?(?![\w-])",
    re.IGNORECASE,
)
_MACHINE = re.compile(
    r"(?<![\w-])(?=[a-z0-9-]*\d)(?:[a-z]{2,}-)+(?:[a-z0-9]+-)*[a-z]*\d+[a-z]?(?![\w-])"
)
_MENTION = re.compile(
    r"<[@!#][^>\s]+>|@\[[^\]]+\]|(?<!\w)@(?:here|channel|everyone)\b|<?\bU0[A-Z0-9]{4,}\b"
)
_PROMISE = re.compile(
    r"\b(?:will|should|shall|going to|expect(?:ed)? to)\b[^.!?\n]{0,60}?"
    r"\b(?:be )?(?:fixed|resolved|restored|repaired|back|up again|working)\b[^.!?\n]{0,40}?"
    r"\b(?:by|at|within|in|before|until)\b\s+[^.!?\n]*?"
    r"(?:\d|noon|midnight|today|tonight|tomorrow|minutes?|hours?)",
    re.IGNORECASE,
)
_ETA = re.compile(
    r"\bETA\b|\bestimated time (?:of|to) (?:repair|fix|resolution|recovery)\b", re.IGNORECASE
)
_ENDINGS = frozenset(
    {"js", "py", "md", "txt", "html", "json", "yaml", "yml", "csv", "ics", "e.g", "i.e"}
)


def findings(text: str, hosts: Collection[str] = ()) -> tuple[str, ...]:
    """What to look at once more, each in a sentence.

    hosts: names that customers may see (the status page, the mail domain), their parts included.
    """
    found = (*_addresses(text), *_hosts(text, hosts), *_mentions(text), *_promises(text))
    return tuple(dict.fromkeys(found))


def _addresses(text: str) -> Iterator[str]:
    for match in _IPV4.finditer(text):
        if _is_address(match[0].partition(":")[0]):
            yield f"`{match[0]}` is the address of a machine"
    for match in _WORD.finditer(text):
        word = match[0].strip(".:-")
        if word.count(":") > 1 and _is_address(word):
            yield f"`{word}` is the address of a machine"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _hosts(text: str, hosts: Collection[str]) -> Iterator[str]:
    named = [m[1] for m in _URL.finditer(text)] + [m[0] for m in _HOST.finditer(text)]
    for name in named:
        host = name.partition(":")[0].lower()
        if host.rpartition(".")[2] in _ENDINGS or _is_address(host) or _allowed(host, hosts):
            continue
        yield f"`{host}` is the name of a host"
    for match in _MACHINE.finditer(text):
        yield f"`{match[0]}` looks like the name of a machine"


def _allowed(host: str, hosts: Collection[str]) -> bool:
    return any(host == known or host.endswith(f".{known}") for known in hosts)


def _mentions(text: str) -> Iterator[str]:
    for match in _MENTION.finditer(text):
        yield f"`{match[0]}` means something in Slack only"


def _promises(text: str) -> Iterator[str]:
    for pattern in (_PROMISE, _ETA):
        for match in pattern.finditer(text):
            yield f"“{' '.join(match[0].split())}” promises a time of repair"
