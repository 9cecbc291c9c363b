"""Checks from outside, every few minutes: does it answer as it should, as quickly as usual?

Each check is a URL, in each region where it is asked from: an endpoint there, or a relay that asks
on behalf of us. Three numbers come of it, each a gauge of a plan (`outside: failures`):

* failures: the longest row of failures in a row of any one check in any one region;
* slowness: how many times its usual time the slowest answer took, by the median of its last ones;
* malformed: how many answers came and had the wrong form.

What a number goes on from, the rows and the usual times, is in its cursor, so that a restart and a
second replica go on from the same.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from statistics import median
from time import perf_counter
from typing import Annotated, Any, Literal

import httpx
import msgspec
from msgspec import Meta

from bot.domain.plan_terms import Closed, Duration, Name
from bot.domain.samples import Gauge, Reading, Sample, Unknown
from bot.domain.units import parse_duration

log = logging.getLogger(__name__)

Url = Annotated[str, Meta(pattern=r"^https?://[^\s]+$")]
Form = Literal["text", "number", "list", "object", "yes_or_no", "anything"]
Figure = Literal["failures", "slowness", "malformed"]

REMEMBERED = 20
"""Answers by whose median the usual time of a check is told."""

TRUSTED = 5
"""So many answers have to be known before one can be called slow."""

TOGETHER = timedelta(seconds=1)
"""Figures that are asked for within this time come of the same answers."""

_FORMS: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "list": (list,),
    "object": (dict,),
    "yes_or_no": (bool,),
    "anything": (object,),
}


class CheckOptions(Closed, frozen=True, kw_only=True):
    """One check.

    regions: where it is asked, by the name of the region. status: that is expected. within: a
    slower answer is a failure. json: the keys that the answer has to have, each with its form;
    without it any body does.
    """

    regions: Annotated[Mapping[Name, Url], Meta(min_length=1)]
    status: Annotated[int, Meta(ge=100, le=599)] = 200
    within: Duration = "10s"
    json: Mapping[str, Form] = {}


class _Answer(msgspec.Struct, frozen=True):
    """What one check came to in one region. trouble: "" when all is well."""

    name: str
    seconds: float
    trouble: str = ""
    malformed: bool = False


class Outside:
    """Asks all checks at once; the figures that are read of one look share the answers."""

    def __init__(
        self,
        checks: Mapping[str, CheckOptions],
        http: httpx.AsyncClient,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """clock: seconds that pass, by which answers are timed."""
        self._checks = checks
        self._clock = clock
        self._http = http
        self._asked_at: datetime | None = None
        self._answers: asyncio.Task[list[_Answer]] | None = None

    async def read(self, figure: str, cursor: str, now: datetime) -> Reading:
        """One of the three figures. Unknown where no check is configured."""
        if not self._checks:
            return Unknown("no check from outside is configured", mistake=True)
        answers = await self._asked(now)
        match figure:
            case "failures":
                return _failures(answers, _decoded(cursor, dict[str, int]), now)
            case "slowness":
                return _slowness(answers, _decoded(cursor, dict[str, list[float]]), now)
            case _:
                return Sample(Gauge(sum(each.malformed for each in answers)), now)

    async def _asked(self, now: datetime) -> list[_Answer]:
        if self._answers is None or self._asked_at is None or now - self._asked_at > TOGETHER:
            self._asked_at = now
            self._answers = asyncio.ensure_future(self._ask_all())
        return await asyncio.shield(self._answers)

    async def _ask_all(self) -> list[_Answer]:
        asked = [
            self._ask(f"{name}/{region}", check, url)
            for name, check in self._checks.items()
            for region, url in check.regions.items()
        ]
        answers = await asyncio.gather(*asked)
        for answer in answers:
            if answer.trouble:
                log.warning("the check %s from outside: %s", answer.name, answer.trouble)
        return answers

    async def _ask(self, name: str, check: CheckOptions, url: str) -> _Answer:
        limit, began = parse_duration(check.within).total_seconds(), self._clock()
        try:
            response = await self._http.get(url, timeout=limit, follow_redirects=False)
        except httpx.HTTPError as error:
            return _Answer(name, limit, str(error) or type(error).__name__)
        took = self._clock() - began
        if response.status_code != check.status:
            return _Answer(name, took, f"HTTP {response.status_code}, not {check.status}")
        wrong = _wrong_form(response.content, check.json)
        return _Answer(name, took, wrong, bool(wrong))


def _wrong_form(content: bytes, form: Mapping[str, Form]) -> str:
    """What is wrong with an answer's form, "" when nothing is."""
    if not form:
        return ""
    try:
        found = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return "the answer is not JSON"
    if not isinstance(found, dict):
        return "the answer is not a JSON object"
    for key, kind in form.items():
        if key not in found:
            return f"the answer has no {key!r}"
        if not _is(found[key], kind):
            return f"{key!r} is not {kind.replace('_', ' ')}"
    return ""


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind == "number":
        return False
    return isinstance(value, _FORMS[kind])


def _failures(answers: list[_Answer], before: dict[str, int], now: datetime) -> Sample:
    rows = {each.name: before.get(each.name, 0) + 1 if each.trouble else 0 for each in answers}
    return Sample(Gauge(float(max(rows.values()))), now, msgspec.json.encode(rows).decode())


def _slowness(answers: list[_Answer], before: dict[str, list[float]], now: datetime) -> Sample:
    worst, kept = 0.0, dict(before)
    for each in answers:
        if each.trouble:
            continue
        known = before.get(each.name, [])
        usual = median(known) if len(known) >= TRUSTED else 0.0
        if usual > 0:
            worst = max(worst, each.seconds / usual)
        kept[each.name] = [*known, round(each.seconds, 6)][-REMEMBERED:]
    return Sample(Gauge(worst), now, msgspec.json.encode(kept).decode())


def _decoded(cursor: str, kind: Any) -> Any:
    """What a cursor holds; nothing when it is of another kind."""
    try:
        return msgspec.json.decode(cursor, type=kind) if cursor else {}
    except msgspec.ValidationError:
        return {}
