"""What the page shows of the practice shop, and the switch that breaks a version."""

import math
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.practice.guard import LoopbackOnly
from bot.practice.shop import VERSIONS, Fault, Installed, Refused, Row, ShopModel, Tally


class _Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    error_rate: float = 0.0
    latency_ms: float = 0.0


def shop_routes(shop: ShopModel, *, now: Callable[[], float]) -> list[Route]:
    """GET and POST /practice/shop. now: the present instant in epoch seconds."""

    async def show(_: Request) -> Response:
        return JSONResponse(shown(shop, now()))

    async def switch(request: Request) -> Response:
        try:
            asked = msgspec.json.decode(await request.body(), type=_Switch)
            shop.break_version(asked.version, _fault(asked))
        except (msgspec.DecodeError, ValueError) as error:
            return JSONResponse({"ok": False, "error": "invalid", "hint": str(error)}, 400)
        except Refused as error:
            return JSONResponse({"ok": False, "error": error.code, "hint": str(error)}, 404)
        return JSONResponse({"ok": True, "shop": shown(shop, now())})

    guard = [Middleware(LoopbackOnly)]
    return [
        Route("/practice/shop", show, methods=["GET"], middleware=guard),
        Route("/practice/shop", switch, methods=["POST"], middleware=guard),
    ]


def shown(shop: ShopModel, now: float) -> dict[str, Any]:
    """The shop as the page draws it."""
    candidate = shop.candidate
    names = {*VERSIONS, *shop.faults, *(side.release.version for side in shop.installed())}
    return {
        "versions": sorted(names, key=_order),
        "current": _side(shop.current, 100 - shop.weight, now),
        "candidate": None if candidate is None else _side(candidate, shop.weight, now),
        "traffic": {"requests_per_second": shop.requests_per_second},
        "faults": {
            version: {"error_rate": fault.error_rate, "latency_ms": fault.latency_ms}
            for version, fault in sorted(shop.faults.items())
        },
        "series": [_row(row) for row in shop.series if row.t < int(now)],
    }


def _fault(asked: _Switch) -> Fault:
    if not (math.isfinite(asked.error_rate) and 0 <= asked.error_rate <= 1):
        raise ValueError("error_rate is a share from 0 to 1")
    if not (math.isfinite(asked.latency_ms) and 0 <= asked.latency_ms <= 5000):
        raise ValueError("latency_ms is a time from 0 to 5000")
    return Fault(asked.error_rate, asked.latency_ms)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def _side(side: Installed, weight: float, now: float) -> dict[str, Any]:
    counter = side.counter
    return {
        "version": side.release.version,
        "weight": weight,
        "ready": side.ready(now),
        "requests": counter.requests,
        "errors": counter.errors,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "t": row.t,
        "runs": row.runs,
        "weight": row.weight,
        "current": _tally(row.current),
        "candidate": _tally(row.candidate),
    }


def _tally(tally: Tally) -> dict[str, int]:
    return {
        "requests": len(tally.seconds),
        "errors": tally.errors,
        "p95_ms": tally.p95_ms(),
    }
