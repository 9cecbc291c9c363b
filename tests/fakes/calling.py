"""A pager and a ticket system with a memory: strict about what they take, once per key.

Written from the published descriptions of PagerDuty's Events API v2 and of GitHub's issues; nobody
has compared them with the services.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.domain.signing import sign

ROUTING_KEY = "r" * 32
TOKEN = "a-github-token"
SECRET = "a-webhook-secret"
REPOSITORY = "acme/operations"

_SEVERITIES = {"critical", "error", "warning", "info"}
_EVENT = {"routing_key", "event_action", "dedup_key", "payload", "links", "images", "client",
          "client_url"}  # fmt: skip
_PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class",
            "custom_details"}  # fmt: skip


@dataclass
class FarSides:
    """What there is. faults: for the next calls, each a status, or `after`: done, answer lost.

    alarms: dedup key -> triggered, acknowledged, resolved. woken: how often somebody was.
    """

    alarms: dict[str, str] = field(default_factory=dict)
    woken: list[str] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    documents: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[int | str] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def app(self) -> Starlette:
        """Everything on one host: /v2/enqueue, /repos/…, /hook."""
        repo = f"/repos/{REPOSITORY}/issues"
        return Starlette(
            routes=[
                Route("/v2/enqueue", self._enqueue, methods=["POST"]),
                Route(repo, self._issues, methods=["GET", "POST"]),
                Route(repo + "/{number:int}", self._issue, methods=["PATCH"]),
                Route(repo + "/{number:int}/comments", self._comments, methods=["GET", "POST"]),
                Route("/hook", self._hook, methods=["POST"]),
            ]
        )

    def _fault(self) -> Response | None:
        """The answer to a call that goes wrong before it has an effect."""
        if self.faults and isinstance(self.faults[0], int):
            return JSONResponse({"message": "no"}, int(self.faults.pop(0)))
        return None

    def _answer(self, body: Any, status: int) -> Response:
        """The answer to a call that had its effect, which may get lost."""
        if self.faults and self.faults[0] == "after":
            self.faults.pop(0)
            return JSONResponse({"message": "bad gateway"}, 502)
        return JSONResponse(body, status)

    async def _enqueue(self, request: Request) -> Response:
        if (wrong := self._fault()) is not None:
            return wrong
        event = await request.json()
        problem = _wrong_event(event)
        if problem:
            return JSONResponse({"status": "invalid event", "errors": [problem]}, 400)
        key, action = event["dedup_key"], event["event_action"]
        known = self.alarms.get(key)
        if action == "trigger":
            if known in {None, "resolved"}:
                self.woken.append(event["payload"]["summary"])
            if known != "acknowledged":
                self.alarms[key] = "triggered"
        elif known is not None and known != "resolved":
            self.alarms[key] = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]
        return self._answer({"status": "success", "dedup_key": key}, 202)

    # --- issues -----------------------------------------------------------------------------

    def _stranger(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"message": "Bad credentials"}, 401)
        return self._fault()

    async def _issues(self, request: Request) -> Response:
        if (no := self._stranger(request)) is not None:
            return no
        if request.method == "GET":
            wanted = set(request.query_params.get("labels", "").split(",")) - {""}
            found = [i for i in reversed(self.issues) if wanted <= {x["name"] for x in i["labels"]}]
            return JSONResponse(_page(found, request))
        given = await request.json()
        if not given.get("title"):
            return JSONResponse({"message": "Validation Failed"}, 422)
        number = next(self._numbers)
        issue = {
            "number": number,
            "state": "open",
            "title": given["title"],
            "body": given.get("body"),
            "labels": [{"name": name} for name in given.get("labels", ())],
            "html_url": f"https://github.test/{REPOSITORY}/issues/{number}",
        }
        self.issues.append(issue)
        return self._answer(issue, 201)

    async def _issue(self, request: Request) -> Response:
        if (no := self._stranger(request)) is not None:
            return no
        found = [i for i in self.issues if i["number"] == request.path_params["number"]]
        if not found:
            return JSONResponse({"message": "Not Found"}, 404)
        found[0].update(await request.json())
        return self._answer(found[0], 200)

    async def _comments(self, request: Request) -> Response:
        if (no := self._stranger(request)) is not None:
            return no
        said = self.comments.setdefault(request.path_params["number"], [])
        if request.method == "GET":
            return JSONResponse(_page(said, request))
        said.append(await request.json())
        return self._answer(said[-1], 201)

    # --- a webhook --------------------------------------------------------------------------

    async def _hook(self, request: Request) -> Response:
        if (wrong := self._fault()) is not None:
            return wrong
        body, headers = await request.body(), request.headers
        stamp = headers["x-countersign-timestamp"]
        if headers["x-countersign-signature"] != sign(SECRET, stamp, "POST", "/hook?for=us", body):
            return JSONResponse({"message": "not signed"}, 401)
        key = headers["idempotency-key"]
        if key not in self.keys:
            self.documents.append(await request.json())
            number = len(self.keys) + 1
            self.keys[key] = {"reference": f"OPS-{number}", "link": f"https://ops.test/{number}"}
        return self._answer(self.keys[key], 200)


def _wrong_event(event: dict[str, Any]) -> str:
    if event.get("routing_key") != ROUTING_KEY:
        return "Invalid routing key"
    if set(event) - _EVENT:
        return f"unknown: {sorted(set(event) - _EVENT)}"
    if not 0 < len(event.get("dedup_key", "")) <= 255:
        return "'dedup_key' is missing or too long"
    if event["event_action"] != "trigger":
        return ""
    payload = event.get("payload", {})
    if set(payload) - _PAYLOAD or not {"summary", "source", "severity"} <= set(payload):
        return "'payload' is incomplete"
    if not 0 < len(payload["summary"]) <= 1024 or payload["severity"] not in _SEVERITIES:
        return "'payload' is invalid"
    return ""


def _page(found: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    size = int(request.query_params.get("per_page", "30"))
    first = (int(request.query_params.get("page", "1")) - 1) * size
    return found[first : first + size]
