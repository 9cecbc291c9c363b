"""The controls of a practice workspace: act as a person, see everything, let things go wrong.

The page in the browser and the scenario tests drive the workspace through these endpoints only.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.practice.cast import Channel, Json, Person
from bot.practice.deliveries import ActError, Deliveries, Pick
from bot.practice.guard import LoopbackOnly
from bot.practice.methods import METHODS
from bot.practice.snapshot import snapshot
from bot.practice.webapi import WebApi
from bot.practice.workspace import SlackError, Workspace

LONGEST_WAIT = 25.0
FAULTS = {
    "429": "429",
    "500": "500",
    "502": "502",
    "503": "503",
    "timeout": "timeout",
    "lost_reply": "lost_reply",
    "lost reply": "lost_reply",
    "duplicate_delivery": "duplicate_delivery",
    "duplicate delivery": "duplicate_delivery",
}

DELIVERIES = (
    "commands",
    "block_actions",
    "message_action",
    "view_submission",
    "view_closed",
    "events",
)

Act = Callable[[Json], Awaitable[Json]]


class Control:
    """The endpoints below `/practice` that belong to Slack."""

    def __init__(self, space: Workspace, deliveries: Deliveries, api: WebApi) -> None:
        self._space = space
        self._deliveries = deliveries
        self._api = api
        self._closed = False

    def close(self) -> None:
        """Answer those who wait for something new, now and from now on: the server stops."""
        self._closed = True
        for wake in tuple(self._space.listeners):
            wake()

    def routes(self) -> list[Route]:
        """The routes to mount at the root; each is guarded by itself."""
        acts: dict[str, Act] = {
            "say": self._say,
            "click": self._click,
            "shortcut": self._shortcut,
            "submit": self._submit,
            "close": self._close,
            "open_home": self._open_home,
            "slack": self._slack,
            "reset": self._reset,
        }
        guard = [Middleware(LoopbackOnly)]
        posts = [
            Route(f"/practice/{name}", _endpoint(act), methods=["POST"], middleware=guard)
            for name, act in acts.items()
        ]
        return [Route("/practice/state", self._state, methods=["GET"], middleware=guard), *posts]

    async def _state(self, request: Request) -> Response:
        try:
            after = int(request.query_params.get("after", "-1"))
            wait = float(request.query_params.get("wait", "0"))
        except ValueError:
            return _wrong("invalid_request", "`after` and `wait` are numbers")
        await self._newer_than(after, min(max(wait, 0.0), LONGEST_WAIT))
        return JSONResponse(snapshot(self._space))

    async def _newer_than(self, revision: int, seconds: float) -> None:
        if self._space.revision > revision or not seconds or self._closed:
            return
        woken = asyncio.Event()
        self._space.listeners.add(woken.set)
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            return  # nothing happened: the caller gets the same revision and asks again
        finally:
            self._space.listeners.discard(woken.set)

    async def _say(self, body: Json) -> Json:
        person, channel = self._person(body), self._channel(body)
        thread_ts = str(body.get("thread_ts") or "")
        return await self._deliveries.say(person, channel, _text(body, "text"), thread_ts)

    async def _click(self, body: Json) -> Json:
        person = self._person(body)
        value = body.get("value")
        picked = Pick(
            _text(body, "action_id"),
            None if value is None else str(value),
            body.get("selected_option", value),
        )
        if body.get("view_id"):
            return await self._deliveries.click_view(person, str(body["view_id"]), picked)
        if body.get("ephemeral_id"):
            number = _whole(body, "ephemeral_id", 0)
            return await self._deliveries.click_ephemeral(person, number, picked)
        channel, ts = self._channel(body), _text(body, "ts")
        return await self._deliveries.click_message(person, channel, ts, picked)

    async def _shortcut(self, body: Json) -> Json:
        person, channel = self._person(body), self._channel(body)
        ts, callback_id = _text(body, "ts"), _text(body, "callback_id")
        return await self._deliveries.choose(person, channel, ts, callback_id)

    async def _submit(self, body: Json) -> Json:
        values = body.get("values", {})
        if not isinstance(values, dict):
            raise ActError("invalid_request", "`values` is an object")
        return await self._deliveries.submit(self._person(body), values)

    async def _close(self, body: Json) -> Json:
        return await self._deliveries.close(self._person(body))

    async def _open_home(self, body: Json) -> Json:
        return await self._deliveries.open_home(self._person(body))

    async def _slack(self, body: Json) -> Json:
        if "rate_limits" in body:
            self._space.rate_limited = body["rate_limits"] is True
            return {"ok": True}
        kind = FAULTS.get(str(body.get("status")))
        if kind is None:
            raise ActError("unknown_fault", f"`status` is one of {', '.join(FAULTS)}")
        times, wait = _whole(body, "times", 1), _whole(body, "retry_after", 1)
        self._space.add_fault(_target(str(body.get("method") or "*"), kind), kind, times, wait)
        return {"ok": True}

    async def _reset(self, _body: Json) -> Json:
        self._api.release()
        self._space.reset()
        return {"ok": True, "revision": self._space.revision}

    def _person(self, body: Json) -> Person:
        wanted = _text(body, "person")
        for person in self._space.people.values():
            if wanted in (person.id, person.name) and not person.is_bot:
                return person
        raise ActError("unknown_person", f"there is nobody called {wanted!r}")

    def _channel(self, body: Json) -> Channel:
        wanted = _text(body, "channel").lstrip("#")
        for channel in self._space.channels.values():
            if wanted == channel.id or (wanted == channel.name and not channel.is_im):
                return channel
        raise ActError("unknown_channel", f"there is no channel {wanted!r}")


def _target(method: str, kind: str) -> str:
    """What a fault applies to; deliveries have their own names, any other means all of them."""
    if kind == "duplicate_delivery":
        return method if method in DELIVERIES else "*"
    if method not in {*METHODS, "response_url", "*"}:
        raise ActError("unknown_method", f"the Web API here has no {method!r}")
    return method


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ActError("invalid_request", f"`{name}` is missing or not text")
    return value


def _whole(body: Json, name: str, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ActError("invalid_request", f"`{name}` is a whole number")
    return value


def _endpoint(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError:
            return _wrong("invalid_request", "the body is not JSON")
        if not isinstance(body, dict):
            return _wrong("invalid_request", "the body is not an object")
        try:
            return JSONResponse(await act(body))
        except ActError as error:
            return JSONResponse({"ok": False, "error": error.error, "hint": error.hint})
        except SlackError as error:
            return JSONResponse({"ok": False, "error": error.error, **error.extra})

    return serve


def _wrong(error: str, hint: str) -> Response:
    return JSONResponse({"ok": False, "error": error, "hint": hint}, 400)
