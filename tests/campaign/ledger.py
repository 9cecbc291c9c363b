"""The reference deployer with a ledger of its own: what took effect at a target, and when."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from bot.ports import Target
from bot.practice.deployer import Change, Desk, PracticeDeployer
from bot.practice.shop import ShopModel


@dataclass(frozen=True)
class Effect:
    """A change that took place. weight: percent, of shifts. at: epoch seconds."""

    service: str
    key: str
    seq: int
    operation: str
    version: str
    weight: float | None
    at: float

    @property
    def text(self) -> str:
        share = "" if self.weight is None else f" {self.weight:g}"
        return f"{self.operation} {self.version}{share}"


class Ledger(PracticeDeployer):
    """effects: in order. repeated: requests that were answered from memory. refused: too late."""

    def __init__(self, shops: Mapping[Target, ShopModel], secret: str) -> None:
        super().__init__(shops, secret=secret, now=time.time)
        self._names = {id(shop): target.service for target, shop in shops.items()}
        self.effects: list[Effect] = []
        self.repeated: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def _decide(self, desk: Desk, key: str, seq: int, change: Change, body: bytes) -> Response:
        known = key in desk.answers
        answer = super()._decide(desk, key, seq, change, body)
        if known:
            self.repeated[key] += 1
        elif answer.status_code < 300:
            weight = change.weight if change.operation == "shift" else None
            service = self._names[id(desk.shop)]
            self.effects.append(
                Effect(service, key, seq, change.operation, change.version, weight, time.time())
            )
        else:
            self.refused[key] += 1
        return answer
