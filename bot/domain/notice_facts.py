"""From recorded facts to what a template is filled in with, and what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from bot.domain.notice import Letter, Notice, Problem, Sheet, Status, Writing, digest, instant
from bot.domain.notice_course import OCCASIONS
from bot.domain.notice_lint import findings
from bot.domain.notice_times import length, zone_of

CHART = "chart"
"""The fact that asks for a picture: the id of a release."""

ONCE = frozenset({"message", "reason", "next_update_at", CHART})
"""Facts of one message, which the next does not repeat."""

TIMELINE = ("detected_at", "investigating_at", "fixed_at", "restored_at")
"""The four times of an incident, in their order."""

_SPANS = (("starts_at", "ends_at"), ("previous_starts_at", "previous_ends_at"))
_RECORDED = {
    Status.INVESTIGATING: "investigating_at",
    Status.MONITORING: "fixed_at",
    Status.RESOLVED: "restored_at",
}
"""Which time of an incident is recorded when people are told of a status, if nothing said it."""


def facts_of(notice: Notice, letter: Letter, writing: Writing) -> dict[str, str]:
    """Everything that is known for a letter; what is blank is not known."""
    promised = {}
    if letter.promised_at is not None:
        promised["next_update_at"] = letter.promised_at.isoformat()
    place = {
        "event": notice.id,
        "service": notice.service,
        "environment": notice.environment,
        "status": OCCASIONS[letter.occasion].reaches(notice.status).value,
    }
    found = {**place, **writing.known, **notice.facts, **promised, **letter.facts}
    known = {name: text.strip() for name, text in found.items() if text.strip()}
    return {**durations(known), **known}


def durations(facts: Mapping[str, str]) -> dict[str, str]:
    """How long it took, or is to take, in words; empty while an end is not known."""
    for first, last in (("detected_at", "restored_at"), ("starts_at", "ends_at")):
        begins, ends = instant(facts.get(first, "")), instant(facts.get(last, ""))
        if begins is not None and ends is not None and begins < ends:
            return {"duration": length(ends - begins)}
    return {}


def write(notice: Notice, letter: Letter, writing: Writing) -> Letter:
    """The letter with its words, what is wrong with them, and the digest of what it says now."""
    facts = facts_of(notice, letter, writing)
    sheet = Sheet(
        template=letter.template,
        values=facts,
        zones=notice.zones,
        languages=notice.languages,
    )
    made = writing.render(sheet)
    problems = (*made.problems, *wrong(facts, notice.zones), *_unheard(notice, writing))
    said = " \n".join(f"{words.subject}\n{words.text}" for words in made.words)
    hosts = {*writing.hosts, *_own_hosts(writing)}
    written = msgspec.structs.replace(
        letter,
        words=made.words,
        problems=tuple(dict.fromkeys(problems)),
        fields=made.fields,
        flags=findings(said, hosts),
    )
    return msgspec.structs.replace(written, digest=digest(notice, written))


def _unheard(notice: Notice, writing: Writing) -> Iterator[Problem]:
    if notice.audience and notice.audience not in writing.audiences:
        how = f"`notices: audiences: {{{notice.audience}: {{channels: [C...]}}}}`"
        yield Problem("audience", f"nobody knows how {notice.audience} is reached; set {how}")


def _own_hosts(writing: Writing) -> Iterator[str]:
    """The names in the addresses that a house gives to its customers itself."""
    for text in writing.known.values():
        host = text.rpartition("@")[2].removeprefix("https://").removeprefix("http://")
        yield host.partition("/")[0].lower()


def wrong(facts: Mapping[str, str], zones: Sequence[str]) -> Iterator[Problem]:
    """What no customer should be told: an end before its start, times without a zone."""
    for name, text in facts.items():
        if name.endswith("_at") and instant(text) is None:
            yield Problem(name, f"{text!r} is no time with a zone; write it like 2026-03-01 09:00")
    for first, last in _SPANS:
        begins, ends = instant(facts.get(first, "")), instant(facts.get(last, ""))
        if begins is not None and ends is not None and ends <= begins:
            yield Problem(last, f"the end is not after the start ({first})")
    yield from _order(facts)
    yield from _zones(zones)


def _order(facts: Mapping[str, str]) -> Iterator[Problem]:
    last: tuple[str, datetime] | None = None
    for name in TIMELINE:
        at = instant(facts.get(name, ""))
        if at is None:
            continue
        if last is not None and at < last[1]:
            yield Problem(name, f"it comes before {last[0]}")
        last = (name, at)


def _zones(zones: Sequence[str]) -> Iterator[Problem]:
    if not zones:
        yield Problem("zone", "no time zone is named; give one, or set `notices: zones:`")
    for zone in zones:
        try:
            zone_of(zone)
        except ValueError as error:
            yield Problem("zone", str(error))


def kept(notice: Notice, letter: Letter, now: datetime) -> dict[str, str]:
    """What the notice knows from a letter on that is approved now."""
    facts = {**notice.facts, **{k: v for k, v in letter.facts.items() if k not in ONCE}}
    name = _RECORDED.get(OCCASIONS[letter.occasion].reaches(notice.status))
    if name is not None and name in TIMELINE:
        facts.setdefault(name, now.isoformat())
    return {name: text for name, text in facts.items() if text}
