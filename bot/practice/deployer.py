"""The reference HTTP deployer: the contract of docs/deployer.openapi.yaml over the practice shop.

Written to be read by those who implement the contract themselves: verify the signature first,
answer a known key with what was answered before, refuse an older sequence number, apply, remember.
Its memory lasts as long as the process; a real deployer keeps keys and the sequence number where
it keeps the rest.
"""

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.domain.signing import sign
from bot.ports import Release, Target
from bot.practice.shop import EDGES, Installed, Refused, ShopModel, release_of

TOLERANCE = 300
"""Seconds by which the clocks of the two sides may differ."""

_KEYS_KEPT = 10_000
_CAPABILITIES: tuple[str, ...] = (
    "prepare",
    "weights",
    "promote",
    "retire",
    "records",
    "audience",
    "flag",
    "sticky",
)


class Change(msgspec.Struct, frozen=True):
    """Body of PUT .../target."""

    operation: Literal["prepare", "shift", "promote", "retire", "rollback"]
    version: Annotated[str, Meta(min_length=1, max_length=200)]
    artifact: str = ""
    weight: Annotated[float, Meta(ge=0, le=100)] | None = None
    instances: Annotated[int, Meta(ge=1)] | None = None
    audience: str = ""
    flag: str = ""
    sticky: str = ""


@dataclass
class Trouble:
    """Something that goes wrong on purpose, for tests.

    status: answered instead of (or, with `after`, in spite of) having done what was asked.
    times: for how many requests. retry_after: seconds, as a header. delay: seconds before anything.
    method: only for requests with this method, "" for all. 0 as status only delays.
    """

    status: int = 0
    times: int = 1
    after: bool = False
    retry_after: int | None = None
    delay: float = 0.0
    method: str = ""


@dataclass
class Desk:
    """One target: the shop behind it, the newest change, and what was answered to which key."""

    shop: ShopModel
    seq: int
    key: str
    answers: OrderedDict[str, tuple[bytes, int, dict[str, object]]]
    versions: dict[str, "Version"] = field(default_factory=dict)


class Version(msgspec.Struct, frozen=True, rename={"deployed_at": "deployedAt",
                                                   "deployed_by": "deployedBy",
                                                   "git_commit": "gitCommit"}):  # fmt: skip
    """Body of PUT .../versions/{version}."""

    PK: str
    SK: str
    version: Annotated[str, Meta(min_length=1, max_length=200)]
    deployed_at: datetime
    deployed_by: str
    git_commit: str
    status: Literal["active", "superseded", "rolled_back"]


Handler = Callable[[Request], Awaitable[Response]]


class PracticeDeployer:
    """Serves the contract for one or more targets. `troubles` makes it misbehave in order."""

    def __init__(
        self, shops: Mapping[Target, ShopModel], *, secret: str, now: Callable[[], float]
    ) -> None:
        """secret: of the signatures. now: the present instant in epoch seconds."""
        self._desks: dict[Target, Desk] = {}
        for target, shop in shops.items():
            self.add(target, shop)
        self._secret = secret
        self._now = now
        self.troubles: list[Trouble] = []
        self.capabilities = _CAPABILITIES

    def add(self, target: Target, shop: ShopModel) -> None:
        """Serve one more target."""
        self._desks[target] = Desk(shop, 0, "", OrderedDict())

    def routes(self) -> list[Route]:
        """Mount these at the root."""
        place = "/v1/services/{service}/environments/{environment}"
        version = "/v1/services/{service}/versions/{version}"
        return [
            Route(place, self._guarded(self._show), methods=["GET"]),
            Route(f"{place}/counts", self._guarded(self._count), methods=["GET"]),
            Route(f"{place}/target", self._guarded(self._put), methods=["PUT"]),
            Route(f"{place}/versions/{{version}}", self._guarded(self._keep), methods=["PUT"]),
            Route(version, self._guarded(self._resolve), methods=["GET"]),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            refusal = _unsigned(request, await request.body(), self._secret, self._now())
            if refusal:
                return _problem(401, "bad_signature", refusal)
            trouble = self._next_trouble(request.method)
            if trouble is None:
                return await handler(request)
            await asyncio.sleep(trouble.delay)
            if trouble.status == 0 or trouble.after:
                response = await handler(request)
                if trouble.status == 0:
                    return response
            return _troubled(trouble)

        return guarded

    def _next_trouble(self, method: str) -> Trouble | None:
        for trouble in self.troubles:
            if trouble.method in ("", method):
                trouble.times -= 1
                if trouble.times <= 0:
                    self.troubles.remove(trouble)
                return trouble
        return None

    async def _show(self, request: Request) -> Response:
        desk = self._desks.get(_target(request))
        if desk is None:
            return _problem(404, "unknown_target", "there is no such service and environment")
        return JSONResponse(self._shown(desk))

    def _shown(self, desk: Desk) -> dict[str, object]:
        shop, now = desk.shop, self._now()
        candidate = shop.candidate
        return {
            "seq": desk.seq,
            "capabilities": list(self.capabilities),
            "current": _side(shop.current, 100 - shop.weight, now),
            "candidate": None
            if candidate is None
            else _side(candidate, shop.weight, now) | {"audience": shop.audience},
        }

    async def _count(self, request: Request) -> Response:
        desk = self._desks.get(_target(request))
        if desk is None:
            return _problem(404, "unknown_target", "there is no such service and environment")
        now, candidate = self._now(), desk.shop.candidate
        return JSONResponse(
            {
                "measured_at": _instant(now),
                "current": _counted(desk.shop.current),
                "candidate": None if candidate is None else _counted(candidate),
            }
        )

    async def _resolve(self, request: Request) -> Response:
        service, version = request.path_params["service"], request.path_params["version"]
        if all(target.service != service for target in self._desks):
            return _problem(404, "unknown_service", f"there is no service {service}")
        try:
            release = release_of(version)
        except Refused as error:
            return _problem(404, error.code, str(error))
        return JSONResponse({"version": release.version, "artifact": release.artifact})

    async def _keep(self, request: Request) -> Response:
        """One version in the list; a second active one is a mistake of whoever asks."""
        desk = self._desks.get(_target(request))
        if desk is None:
            return _problem(404, "unknown_target", "there is no such service and environment")
        try:
            version = msgspec.json.decode(await request.body(), type=Version)
        except msgspec.DecodeError as error:
            return _problem(400, "bad_body", str(error))
        if version.version != request.path_params["version"]:
            return _problem(400, "bad_body", "the path names another version")
        others = [v for name, v in desk.versions.items() if name != version.version]
        if version.status == "active" and any(v.status == "active" for v in others):
            return _problem(422, "two_active", "another version is active")
        desk.versions[version.version] = version
        return Response(msgspec.json.encode(version), media_type="application/json")

    def versions(self, target: Target) -> list[Version]:
        """The list that is kept of a target, for tests and for whoever looks."""
        return list(self._desks[target].versions.values())

    async def _put(self, request: Request) -> Response:
        desk = self._desks.get(_target(request))
        if desk is None:
            return _problem(404, "unknown_target", "there is no such service and environment")
        key, seq = request.headers.get("idempotency-key", ""), _seq(request)
        if not key or seq is None:
            hint = "Idempotency-Key and X-Countersign-Seq (a whole number from 1) are needed"
            return _problem(400, "bad_headers", hint)
        body = await request.body()
        try:
            change = msgspec.json.decode(body, type=Change)
        except msgspec.DecodeError as error:
            return _problem(400, "bad_body", str(error))
        return self._decide(desk, key, seq, change, body)

    def _decide(self, desk: Desk, key: str, seq: int, change: Change, body: bytes) -> Response:
        known = desk.answers.get(key)
        if known is not None:
            asked, status, answer = known
            if asked != body:
                return _problem(422, "key_reused", "this key was used for another change")
            return JSONResponse(answer, status)
        if seq < desk.seq or (seq == desk.seq and key != desk.key):
            return _problem(409, "stale_seq", f"a change with number {desk.seq} has been seen")
        desk.seq, desk.key = seq, key
        status, answer = self._apply(desk, change)
        desk.answers[key] = (body, status, answer)
        if len(desk.answers) > _KEYS_KEPT:
            desk.answers.popitem(last=False)
        return JSONResponse(answer, status)

    def _apply(self, desk: Desk, change: Change) -> tuple[int, dict[str, object]]:
        shop, now = desk.shop, self._now()
        release = Release(change.version, change.artifact)
        try:
            match change.operation:
                case "prepare":
                    shop.prepare(release, now)
                case "shift":
                    if change.weight is None:
                        raise Refused("a shift needs a weight", code="no_weight")
                    shop.shift(release, change.weight, now, change.audience, change.sticky)
                    shop.flag = change.flag
                case "promote":
                    shop.promote(release)
                case "retire":
                    shop.retire(release)
                case "rollback":
                    shop.rollback(release)
                    shop.flag = ""
        except Refused as error:
            return 422, {"code": error.code, "reason": str(error)}
        busy = shop.candidate is not None and not shop.candidate.ready(now)
        return (202 if busy and change.operation == "prepare" else 200), self._shown(desk)


def _side(side: Installed, weight: float, now: float) -> dict[str, object]:
    return {
        "version": side.release.version,
        "artifact": side.release.artifact,
        "weight": weight,
        "ready": side.ready(now),
    }


def _counted(side: Installed) -> dict[str, object]:
    counter = side.counter
    return {
        "version": side.release.version,
        "since": _instant(counter.since),
        "requests": counter.requests,
        "errors": counter.errors,
        "buckets": [
            {"le": edge, "count": count}
            for edge, count in zip(EDGES, counter.cumulative, strict=True)
        ],
    }


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _target(request: Request) -> Target:
    return Target(request.path_params["service"], request.path_params["environment"])


def _seq(request: Request) -> int | None:
    text = request.headers.get("x-countersign-seq", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 and int(text) else None


def _unsigned(request: Request, body: bytes, secret: str, now: float) -> str:
    """Why a request is not to be trusted; "" when it is signed well and freshly."""
    stamp = request.headers.get("x-countersign-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13):
        return "X-Countersign-Timestamp is missing or not a number"
    if abs(now - int(stamp)) > TOLERANCE:
        return "the request is too old, or the clocks differ"
    raw: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    path = (raw + (b"?" + query if query else b"")).decode("ascii", "replace")
    wanted = sign(secret, stamp, request.method, path, body)
    given = request.headers.get("x-countersign-signature", "")
    return "" if hmac.compare_digest(wanted.encode(), given.encode()) else "wrong signature"


def _problem(status: int, code: str, reason: str) -> JSONResponse:
    return JSONResponse({"code": code, "reason": reason}, status)


def _troubled(trouble: Trouble) -> JSONResponse:
    response = _problem(trouble.status, "trouble", "this deployer was told to misbehave")
    if trouble.retry_after is not None:
        response.headers["Retry-After"] = str(trouble.retry_after)
    return response
