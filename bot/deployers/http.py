"""The client of the HTTP deployer contract (docs/deployer.openapi.yaml).

A team that deploys with its own system serves four routes; this is who calls them. Every call is
signed, every change carries an idempotency key and a sequence number, and the effect is read back
before it counts as done.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import quote

import httpx
import msgspec

from bot.deployers import confirm
from bot.deployers.wire import WireTarget, capabilities_of, decode_release, decode_target
from bot.domain.plan_terms import Closed, Duration
from bot.domain.release_log import VersionItem
from bot.domain.signing import sign
from bot.domain.units import parse_duration
from bot.ports import (
    Capabilities,
    Deployer,
    Observation,
    Op,
    PermanentError,
    Release,
    StaleOpError,
    Target,
    TemporaryError,
)

Word = Literal["prepare", "weights", "instances", "promote", "retire", "audience", "flag", "sticky"]
Check = Callable[[Observation], str]

RECORDS = "records"
"""The capability of a deployer that keeps a list of versions."""

_SAID = 500
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class HttpOptions(Closed, frozen=True, kw_only=True, tag_field="kind", tag="http"):
    """Options of `kind: http`.

    url: what comes before /v1.
    timeout: of one request.
    prepare_timeout: how long a change answered by 202 may take; other changes get `change_timeout`.
    poll: pause between two looks at a change in progress.
    capabilities: what the deployer can do, until it has been asked for the first time.
    """

    url: str
    timeout: Duration = "10s"
    prepare_timeout: Duration = "10m"
    change_timeout: Duration = "1m"
    poll: Duration = "500ms"
    capabilities: tuple[Word, ...] = ("prepare", "weights", "promote", "retire")


class HttpDeployer:
    """Implements `Deployer` over the HTTP contract."""

    def __init__(
        self,
        options: HttpOptions,
        *,
        http: httpx.AsyncClient,
        secret: str,
        now: Callable[[], datetime],
    ) -> None:
        self._options = options
        self._base = options.url.rstrip("/")
        self._http = http
        self._secret = secret
        self._now = now
        self._timeout = parse_duration(options.timeout).total_seconds()
        self._capabilities = capabilities_of(options.capabilities)

    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def resolve(self, target: Target, version: str) -> Release:
        path = f"/v1/services/{_part(target.service)}/versions/{_part(version)}"
        response = await self._send("GET", path)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise PermanentError(f"there is no version {version}", code="unknown_version")
        self._judge(response)
        return decode_release(response.content, self._base).release()

    async def observe(self, target: Target) -> Observation:
        return (await self._look(target)).observation()

    async def prepare(self, target: Target, release: Release, op: Op) -> Observation:
        body = _body("prepare", release, op)
        limit = parse_duration(self._options.prepare_timeout)
        return await self._change(
            target, body, op, lambda seen: confirm.is_prepared(seen, release), limit
        )

    async def shift(
        self, target: Target, release: Release, weight: float, op: Op, instances: int | None = None
    ) -> Observation:
        routing = op.routing
        body = _body("shift", release, op, weight, instances)
        return await self._change(
            target,
            body,
            op,
            lambda seen: confirm.is_shifted(seen, release, weight, routing.audience),
        )

    async def promote(self, target: Target, release: Release, op: Op) -> Observation:
        body = _body("promote", release, op)
        return await self._change(target, body, op, lambda seen: confirm.is_current(seen, release))

    async def retire(self, target: Target, release: Release, op: Op) -> Observation:
        body = _body("retire", release, op)
        return await self._change(target, body, op, lambda seen: confirm.is_retired(seen, release))

    async def rollback(self, target: Target, release: Release, op: Op) -> Observation:
        body = _body("rollback", release, op)
        return await self._change(target, body, op, lambda seen: confirm.is_current(seen, release))

    async def keep_version(self, target: Target, item: VersionItem, key: str) -> None:
        """Implements `bot.keeping.VersionKeeper` where the deployer can do `records`."""
        if RECORDS not in ((await self._look(target)).capabilities or ()):
            return
        path = f"{_environment(target)}/versions/{_part(item.version)}"
        body = {
            "PK": item.pk,
            "SK": item.sk,
            "version": item.version,
            "deployedAt": item.deployed_at,
            "deployedBy": item.deployed_by,
            "gitCommit": item.git_commit,
            "status": item.status,
        }
        self._judge(await self._send("PUT", path, body, key=key))

    async def _change(
        self,
        target: Target,
        body: dict[str, Any],
        op: Op,
        check: Check,
        limit: timedelta | None = None,
    ) -> Observation:
        response = await self._send("PUT", _environment(target) + "/target", body, op)
        self._judge(response, op)
        try:
            return await self._confirmed(response, target, op, check, limit)
        except TemporaryError as error:
            # The deployer has taken it; what failed is to see what came of it.
            raise TemporaryError(str(error), retry_after=error.retry_after, unknown=True) from error

    async def _confirmed(
        self,
        response: httpx.Response,
        target: Target,
        op: Op,
        check: Check,
        limit: timedelta | None,
    ) -> Observation:
        if response.status_code == httpx.codes.ACCEPTED:
            if limit is None:
                limit = parse_duration(self._options.change_timeout)
            return await self._follow(target, op, check, limit)
        seen = self._current(await self._look(target), op)
        confirm.require(check(seen))
        return seen

    async def _follow(
        self, target: Target, op: Op, check: Check, patience: timedelta
    ) -> Observation:
        """Look until the effect shows; the deployer is trusted to go on by itself."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience.total_seconds()
        pause = parse_duration(self._options.poll).total_seconds()
        while True:
            seen = self._current(await self._look(target), op)
            missing = check(seen)
            if not missing:
                return seen
            if loop.time() + pause > deadline:
                raise TemporaryError(f"still in progress: {missing}", unknown=True)
            await asyncio.sleep(pause)

    def _current(self, said: WireTarget, op: Op) -> Observation:
        if said.seq > op.seq:
            raise StaleOpError(f"change {op.seq} is older than {said.seq}", code="stale_seq")
        if said.last is not None and said.last.key == op.key and said.last.state == "failed":
            raise PermanentError(said.last.reason or "the change failed", code="failed")
        return said.observation()

    async def _look(self, target: Target) -> WireTarget:
        response = await self._send("GET", _environment(target))
        if response.status_code == httpx.codes.NOT_FOUND:
            where = f"{target.service}/{target.environment}"
            raise PermanentError(f"the deployer does not know {where}", code="unknown_target")
        self._judge(response)
        said = decode_target(response.content, self._base)
        if said.capabilities is not None:
            self._capabilities = capabilities_of(said.capabilities)
        return said

    async def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        op: Op | None = None,
        key: str = "",
    ) -> httpx.Response:
        content = b"" if body is None else msgspec.json.encode(body)
        request = self._http.build_request(
            method, self._base + path, content=content, timeout=self._timeout
        )
        request.headers.update(self._headers(request, content, op))
        if key:
            request.headers["Idempotency-Key"] = key
        try:
            return await self._http.send(request, follow_redirects=False)
        except _NOT_SENT as error:
            raise TemporaryError(f"the deployer can't be reached: {_name(error)}") from error
        except httpx.HTTPError as error:
            message = f"the deployer did not answer: {_name(error)}"
            raise TemporaryError(message, unknown=True) from error

    def _headers(self, request: httpx.Request, content: bytes, op: Op | None) -> dict[str, str]:
        timestamp = str(int(self._now().timestamp()))
        path = request.url.raw_path.decode("ascii")
        headers = {
            "X-Countersign-Timestamp": timestamp,
            "X-Countersign-Signature": sign(self._secret, timestamp, request.method, path, content),
        }
        if content:
            headers["Content-Type"] = "application/json"
        if op is not None:
            headers |= {"Idempotency-Key": op.key, "X-Countersign-Seq": str(op.seq)}
        return headers

    def _judge(self, response: httpx.Response, op: Op | None = None) -> None:
        """Raise what a status means; return for 200 and 202."""
        status = response.status_code
        if status in (httpx.codes.OK, httpx.codes.ACCEPTED):
            return
        code, reason = _problem(response)
        said = f"the deployer answered {status}{reason and ': '}{reason}"
        if status == httpx.codes.CONFLICT and op is not None:
            raise StaleOpError(said, code=code or "stale_seq")
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= 500:
            # A gateway's 502 and 504 come after the request may have had its effect.
            unknown = status not in (429, 503)
            wait = _retry_after(response, self._now())
            raise TemporaryError(said, retry_after=wait, unknown=unknown)
        raise PermanentError(said, code=code or f"http_{status}")


def build(
    options: HttpOptions,
    *,
    http: httpx.AsyncClient,
    secret: str,
    now: Callable[[], datetime],
) -> Deployer:
    """The backend for `kind: http`. Raises ValueError when there is no secret to sign with."""
    if not secret:
        raise ValueError("kind: http needs COUNTERSIGN_DEPLOYER_SECRET")
    return HttpDeployer(options, http=http, secret=secret, now=now)


def _body(
    operation: str,
    release: Release,
    op: Op,
    weight: float | None = None,
    instances: int | None = None,
) -> dict[str, Any]:
    """A change; what is not asked for is left out, as older deployers don't know it."""
    body: dict[str, Any] = {
        "operation": operation,
        "version": release.version,
        "artifact": release.artifact,
    }
    if weight is not None:
        body["weight"] = weight
    if instances is not None:
        body["instances"] = instances
    said = msgspec.structs.asdict(op.routing)
    return body | {
        name: word for name, word in said.items() if word and _goes_with(operation, name)
    }


def _goes_with(operation: str, name: str) -> bool:
    """A flag is turned by each change of the traffic; the rest is about shares alone."""
    return operation == "shift" or (name == "flag" and operation in {"promote", "rollback"})


def _environment(target: Target) -> str:
    return f"/v1/services/{_part(target.service)}/environments/{_part(target.environment)}"


def _part(text: str) -> str:
    return quote(text, safe="")


def _name(error: httpx.HTTPError) -> str:
    return f"{type(error).__name__} {error}".strip()


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    reason: str = ""


def _problem(response: httpx.Response) -> tuple[str, str]:
    """The deployer's own code and reason; for bodies of another shape, their beginning."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", response.text.strip()[:_SAID]
    return problem.code, problem.reason[:_SAID]


def _retry_after(response: httpx.Response, now: datetime) -> timedelta | None:
    """Retry-After in either of its forms, seconds or a date; None when absent or unreadable."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text), 86400))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(timedelta(0), aware - now)
