"""The far side of the practice page: a small server that speaks the control protocol.

It keeps one release and a shop by the simplest rules that let the page be looked at, and records
every post, so that a test can say what the page sent.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.practice.pages import page_routes

Json = dict[str, Any]
NOW = 1763716800
PEOPLE = [
    ("U0MARY", "mary", "Mary Jackson", "Release manager", "#7a4b9d", "member"),
    ("U0ADA", "ada", "Ada Lovelace", "Security", "#b4532a", "member"),
    ("U0GRACE", "grace", "Grace Hopper", "Operations", "#1f6f78", "member"),
    ("U0ALAN", "alan", "Alan Turing", "Product", "#3f6b2f", "member"),
    ("U0GUS", "gus", "Gus Visitor", "Guest", "#8a6d1d", "guest"),
    ("U0EVE", "eve", "Eve Outsider", "Partner company", "#5a5f6b", "outsider"),
]
COMMANDS = [
    ("/release", "start v1.2.0", "Start, follow and steer a release"),
    ("/rollback", "[service] [reason]", "Stop a release and go back"),
    ("/standup", "now", "The daily release standup"),
]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(action_id: str, text: str, **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain(text), "value": "x7", **more}


CONFIRM_ROLLBACK = {
    "title": plain("Roll back checkout?"),
    "text": mrkdwn("*v1.2.0* leaves *production* at once."),
    "confirm": plain("Roll back"),
    "deny": plain("Keep going"),
    "style": "danger",
}


class Stage:
    """What the server holds. Change it, then call `bump` so that the page hears of it."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, Json]] = []
        self.answers: dict[str, Json] = {}
        self.signers: list[str] = []
        self.version = ""
        self.clock = NOW
        self.changed = asyncio.Condition()
        self.shop = _first_shop()
        self.state: Json = {
            "revision": 1,
            "now": NOW,
            "team": {"id": "T0PRACTICE", "name": "Practice"},
            "bot": {"user_id": "U0BOT", "name": "Countersign"},
            "people": [
                dict(zip(("id", "name", "real_name", "title", "color", "kind"), row, strict=True))
                for row in PEOPLE
            ],
            "channels": _channels(),
            "commands": [
                {"command": name, "hint": hint, "description": about}
                for name, hint, about in COMMANDS
            ],
            "messages": {"C0CHECKOUT": [], "C0RELEASES": []},
            "ephemerals": [],
            "modals": {},
            "homes": {},
            "calls": [],
        }

    async def bump(self) -> None:
        self.state["revision"] += 1
        async with self.changed:
            self.changed.notify_all()

    def tick(self) -> str:
        self.clock += 1
        return f"{self.clock}.000100"

    async def post(
        self,
        text: str,
        blocks: list[Json] | None = None,
        *,
        channel: str = "C0CHECKOUT",
        user: str = "U0BOT",
        thread_ts: str | None = None,
    ) -> str:
        message = {
            "ts": self.tick(),
            "thread_ts": thread_ts,
            "user": user,
            "text": text,
            "blocks": blocks or [],
            "edited": False,
            "reply_count": 0,
        }
        self.state["messages"].setdefault(channel, []).append(message)
        await self.bump()
        return str(message["ts"])

    async def edit(self, ts: str, blocks: list[Json], channel: str = "C0CHECKOUT") -> None:
        for message in self.state["messages"][channel]:
            if message["ts"] == ts:
                message.update(blocks=blocks, edited=True)
        await self.bump()

    async def whisper(self, person: str, text: str) -> None:
        self.state["ephemerals"].append(
            {
                "id": len(self.state["ephemerals"]) + 1,
                "person": person,
                "channel": "C0CHECKOUT",
                "thread_ts": None,
                "ts": self.tick(),
                "text": text,
                "blocks": [],
            }
        )
        await self.bump()

    async def open_modal(self, person: str, view: Json) -> None:
        self.state["modals"].setdefault(person, []).append(view)
        await self.bump()

    # -- the simplest bot --------------------------------------------------------------------

    def card(self, phase: str = "Waiting for signatures") -> list[Json]:
        signed = ", ".join(f"Approved by <@{who}>" for who in self.signers) or "Nobody has signed"
        return [
            {"type": "header", "text": plain(f"checkout {self.version} → production")},
            {
                "type": "context",
                "elements": [mrkdwn(f"{phase} · <!date^{NOW}^{{date_short}} {{time}}|10:00 UTC>")],
            },
            {
                "type": "section",
                "text": mrkdwn("*Requested by* <@U0MARY> in <#C0CHECKOUT|checkout>"),
                "fields": [mrkdwn("*Error rate*\n0.2 % (limit 1 %)"), mrkdwn("*Digest*\n`9f2c`")],
                "accessory": {
                    "type": "overflow",
                    "action_id": "more",
                    "options": [{"text": plain("Show the plan"), "value": "plan"}],
                },
            },
            {"type": "context", "elements": [mrkdwn(f":lock: {signed}")]},
            {
                "type": "actions",
                "block_id": "acts",
                "elements": [
                    button("approve", "Approve", style="primary"),
                    button("reject", "Reject"),
                    button("rollback", "Roll back", style="danger", confirm=CONFIRM_ROLLBACK),
                ],
            },
        ]

    async def act(self, action: str, body: Json) -> Json:
        self.posts.append((action, body))
        if action in self.answers:
            return self.answers[action]
        text = str(body.get("text", ""))
        if action == "say" and text.startswith("/release start "):
            self.version, self.signers = text.rpartition(" ")[2], []
            await self.post(f"Release of checkout {self.version}", self.card())
        elif action == "say":
            await self.post(text, user=body["person"], channel=body["channel"])
        elif action == "click" and body["action_id"] == "approve":
            self.signers.append(body["person"])
            await self.edit(body["ts"], self.card())
        elif action == "close":
            self.state["modals"][body["person"]].pop()
            await self.bump()
        elif action == "shop":
            self.shop["faults"][body["version"]] = {"error_rate": body["error_rate"]}
        return {"ok": True, "status": 200, "ack_ms": 12.4, "body": None}

    # -- HTTP --------------------------------------------------------------------------------

    async def show_state(self, request: Request) -> JSONResponse:
        after, wait = int(request.query_params["after"]), float(request.query_params["wait"])
        try:
            async with asyncio.timeout(wait), self.changed:
                await self.changed.wait_for(lambda: self.state["revision"] > after)
        except TimeoutError:
            return JSONResponse(self.state)
        return JSONResponse(self.state)

    async def show_shop(self, _request: Request) -> JSONResponse:
        return JSONResponse(self.shop)

    async def do(self, request: Request) -> JSONResponse:
        return JSONResponse(await self.act(request.path_params["action"], await request.json()))

    def app(self) -> Starlette:
        control = [
            Route("/practice/state", self.show_state, methods=["GET"]),
            Route("/practice/shop", self.show_shop, methods=["GET"]),
            Route("/practice/{action}", self.do, methods=["POST"]),
        ]
        return Starlette(routes=[*control, *page_routes()])


def _channels() -> list[Json]:
    return [
        {"id": "C0CHECKOUT", "name": "checkout", "is_im": False},
        {"id": "C0RELEASES", "name": "releases", "is_im": False},
        {"id": "D0ADA", "name": "ada", "is_im": True, "user": "U0ADA"},
        {"id": "D0GRACE", "name": "grace", "is_im": True, "user": "U0GRACE"},
    ]


def _first_shop() -> Json:
    rows = [
        {
            "t": NOW + second,
            "weight": 0.0,
            "current": {"requests": 50, "errors": 0, "p95_ms": 12},
            "candidate": None,
        }
        for second in range(60)
    ]
    return {
        "versions": ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"],
        "current": {"version": "v1.1.0", "weight": 100, "ready": True},
        "candidate": None,
        "traffic": {"requests_per_second": 50},
        "faults": {},
        "series": rows,
    }


@asynccontextmanager
async def served(stage: Stage, port: int = 0) -> AsyncIterator[str]:
    """Serve the page and the stage on loopback; gives the address."""
    listening = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(stage.app(), log_level="critical", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    # The socket listens already: a page that asks before the server runs waits its turn.
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()
