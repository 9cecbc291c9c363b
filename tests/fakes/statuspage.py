"""A stand-in for Statuspage's API, version 1, as far as it is published: strict, and with a memory.

Written from the published description of the API (fields, limits, statuses, paging, throttling);
nobody has compared it with the service. Where the description is silent, the stand-in does what is
least convenient: it knows no idempotency, replaces metadata as a whole, and never changes
components by itself.
"""

import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "page-key-never-shown"
PAGE = "kctbh9vrtdwd"

REALTIME = ("investigating", "identified", "monitoring", "resolved")
SCHEDULED = ("scheduled", "in_progress", "verifying", "completed")
COMPONENT = (
    "operational",
    "under_maintenance",
    "degraded_performance",
    "partial_outage",
    "major_outage",
)
FIELDS = {
    "name", "status", "body", "components", "component_ids", "impact_override", "metadata",
    "deliver_notifications", "scheduled_for", "scheduled_until", "scheduled_remind_prior",
    "scheduled_auto_in_progress", "scheduled_auto_completed",
    "auto_transition_to_maintenance_state", "auto_transition_to_operational_state",
}  # fmt: skip


class _BadRequestError(Exception):
    def __init__(self, problem: str, status: int = 422) -> None:
        super().__init__(problem)
        self.status = status


@dataclass
class Page:
    """One page, and what happens to the next calls.

    faults: for the next calls of a method, each a status, `before` (breaks off, nothing done) or
    `after` (does it, and the reply gets lost). monotonic: the clock of the throttle.
    """

    monotonic: Callable[[], float]
    components: dict[str, dict[str, Any]] = field(default_factory=dict)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    faults: list[tuple[str, int | str, Mapping[str, str]]] = field(default_factory=list)
    rate: int = 60
    _lately: deque[float] = field(default_factory=deque)

    def component(self, id_: str, name: str, status: str = "operational") -> None:
        self.components[id_] = {"id": id_, "name": name, "status": status, "group": False}

    def status(self, id_: str) -> str:
        found: str = self.components[id_]["status"]
        return found

    def fault(self, method: str, what: int | str, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.append((method, what, named))

    # --- the API ------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Response:
        self.calls.append((request.method, request.url.path))
        fault = self._fault(request.method)
        if fault is not None and isinstance(fault[1], int):
            return JSONResponse({"error": "as asked"}, fault[1], headers=fault[2])
        if fault is not None and fault[1] == "before":
            return Response(headers={"x-lost": "yes"})
        if self._too_many():
            return JSONResponse({"error": "Too many requests"}, 429, headers={"Retry-After": "60"})
        try:
            self._known(request)
            done = await self._do(request)
        except _BadRequestError as error:
            return JSONResponse({"error": [str(error)]}, error.status)
        if fault is not None:
            return Response(headers={"x-lost": "yes"})
        return JSONResponse(done, 201 if request.method == "POST" else 200)

    def _fault(self, method: str) -> tuple[str, int | str, Mapping[str, str]] | None:
        for index, fault in enumerate(self.faults):
            if fault[0] == method:
                return self.faults.pop(index)
        return None

    def _too_many(self) -> bool:
        now = self.monotonic()
        while self._lately and self._lately[0] <= now - 60:
            self._lately.popleft()
        self._lately.append(now)
        return len(self._lately) > self.rate

    def _known(self, request: Request) -> None:
        if request.headers.get("authorization") != f"OAuth {KEY}":
            raise _BadRequestError("Could not authenticate", 401)
        if request.path_params["page"] != PAGE:
            raise _BadRequestError("not found", 404)

    async def _do(self, request: Request) -> Any:
        what, id_ = request.path_params["what"], request.path_params.get("id")
        if request.method == "GET" and id_ is None:
            rows = {"components": list(self.components.values()), "incidents": self.incidents[::-1]}
            return _paged(rows[what], request, "limit" if what == "incidents" else "per_page")
        if what != "incidents" or (request.method == "POST") == (id_ is not None):
            raise _BadRequestError("not found", 404)
        body = json.loads(await request.body())
        return self._write(id_, body["incident"])

    def _write(self, id_: str | None, said: dict[str, Any]) -> dict[str, Any]:
        if id_ is None:
            found: dict[str, Any] = {"metadata": {}, "incident_updates": [], "components": []}
        else:
            matching = [each for each in self.incidents if each["id"] == id_]
            if not matching:
                raise _BadRequestError("not found", 404)
            found = matching[0]
        self._check(said, found, new=id_ is None)
        self.bodies.append(said)
        if id_ is None:
            found["id"] = f"inc{len(self.incidents) + 1}"
            found["shortlink"] = f"https://stspg.example/{found['id']}"
            self.incidents.append(found)
        update = {"status": said.get("status"), "body": said.get("body", "")}
        found["incident_updates"] = [update, *found["incident_updates"]]
        found.update({k: v for k, v in said.items() if k not in ("body", "components")})
        for component, status in said.get("components", {}).items():
            self.components[component]["status"] = status
        return found

    def _check(self, said: dict[str, Any], found: dict[str, Any], *, new: bool) -> None:
        problems = [f"{key} is unknown" for key in said if key not in FIELDS]
        if new and not said.get("name"):
            problems.append("Name can't be blank")
        if len(said.get("name", "")) > 255 or len(said.get("body", "")) > 25_000:
            problems.append("is too long")
        planned = "scheduled_for" in said or "scheduled_for" in found
        if said.get("status") not in (SCHEDULED if planned else REALTIME):
            problems.append(f"Status {said.get('status')} is not valid")
        if not all(isinstance(value, dict) for value in said.get("metadata", {}).values()):
            problems.append("metadata: top level values must be objects")
        named = [*said.get("components", {}), *said.get("component_ids", [])]
        problems += [f"there is no component {id_}" for id_ in named if id_ not in self.components]
        problems += [
            f"{status} is no status" for status in said.get("components", {}).values()
            if status not in COMPONENT
        ]  # fmt: skip
        if problems:
            raise _BadRequestError("; ".join(problems))


def _paged(rows: list[Any], request: Request, size: str) -> list[Any]:
    limit = min(int(request.query_params.get(size, 100)), 100)
    page = int(request.query_params.get("page", 1))
    return rows[(page - 1) * limit : page * limit]


class _Wire(httpx.AsyncBaseTransport):
    """A connection on which replies can get lost."""

    def __init__(self, app: Starlette) -> None:
        self._far = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._far.handle_async_request(request)
        if response.headers.get("x-lost"):
            raise httpx.ReadError("the connection broke off")
        return response


@asynccontextmanager
async def statuspage(
    monotonic: Callable[[], float],
) -> AsyncIterator[tuple[Page, httpx.AsyncClient]]:
    """A page with three components, and a client that reaches it."""
    page = Page(monotonic)
    page.component("c-checkout", "Checkout")
    page.component("c-search", "Search")
    page.component("c-mail", "Mail")
    methods = ["GET", "POST", "PATCH"]
    routes = [
        Route("/v1/pages/{page}/{what}", page.answer, methods=methods),
        Route("/v1/pages/{page}/{what}/{id}", page.answer, methods=methods),
    ]
    async with httpx.AsyncClient(transport=_Wire(Starlette(routes=routes))) as http:
        yield page, http
