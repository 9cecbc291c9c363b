"""The far side where traffic moves: a shop, the reference deployer over it, and what really took
place there, noted as it happens and by nobody else."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.ports import Release, Target
from bot.practice.deployer import Change, Desk, PracticeDeployer
from bot.practice.shop import EDGES, Refused, ShopModel, release_of

CHECKOUT = Target("checkout", "production")
SECRET = "a-deployer-secret"


@dataclass(frozen=True)
class Effect:
    """A change that really took place. at: seconds; weight: the candidate's share after it."""

    at: float
    operation: str
    version: str
    artifact: str
    weight: float
    key: str
    seq: int

    @property
    def text(self) -> str:
        return f"{self.operation} {self.version} ({self.weight:g} %, number {self.seq})"


@dataclass(frozen=True)
class Served:
    """Counts as the deployer gave them out: of the candidate, since it was installed."""

    at: float
    version: str
    requests: float
    errors: float


class SimShop(ShopModel):
    """A shop whose traffic is counted a stretch at a time."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now=now(), randomness=Random(0), requests_per_second=300, preparing=2)
        self._clock = now
        self._until = now()
        self.artifacts: dict[str, str] = {}

    def artifact_of(self, version: str) -> str:
        """What a version's name points to at present."""
        return self.artifacts.get(version) or release_of(version).artifact

    def prepare(self, release: Release, now: float) -> None:
        """Install what the name points to, if that is what was asked for. Raises Refused."""
        expected = self.artifact_of(release.version)
        if release.artifact not in ("", expected):
            raise Refused(f"{release.version} is another artifact: {expected}", code="artifact")
        super().prepare(Release(release.version), now)
        if self.candidate is not None:
            self.candidate.release = Release(release.version, expected)

    def serve(self) -> None:
        """The traffic since the last time, by expectation; whole requests."""
        now = self._clock()
        total, self._until = (now - self._until) * self.requests_per_second, now
        candidate = self.candidate
        to_new = round(total * self.weight / 100) if candidate is not None else 0
        for side, count in ((candidate, to_new), (self.current, round(total) - to_new)):
            if side is not None and count > 0:
                fault = self.faults.get(side.release.version)
                side.counter.requests += count
                side.counter.errors += round(count * (fault.error_rate if fault else 0))
                side.counter.cumulative = [n + count * (e >= 0.01) for n, e in zip(
                    side.counter.cumulative, EDGES, strict=True)]  # fmt: skip


class SimDeployer(PracticeDeployer):
    """The reference deployer, with a log of what it did; an answer from memory is no deed."""

    def __init__(
        self, shop: SimShop, now: Callable[[], float], seconds: Callable[[], float]
    ) -> None:
        super().__init__({CHECKOUT: shop}, secret=SECRET, now=now)
        self.shop = shop
        self.effects: list[Effect] = []
        self.counts: list[Served] = []
        self.stale: list[str] = []
        self._seconds = seconds
        self.on_effect: Callable[[Effect], None] = lambda _effect: None
        self.app = Starlette(routes=self.routes())

    def _decide(self, desk: Desk, key: str, seq: int, change: Change, body: bytes) -> Response:
        self.shop.serve()
        answer = super()._decide(desk, key, seq, change, body)
        if answer.status_code == 409:
            self.stale.append(key)
        return answer

    def _apply(self, desk: Desk, change: Change) -> tuple[int, dict[str, object]]:
        answer = super()._apply(desk, change)
        if answer[0] < 300:
            effect = Effect(
                self._seconds(), change.operation, change.version,
                change.artifact, self.shop.weight, desk.key, desk.seq,
            )  # fmt: skip
            self.effects.append(effect)
            self.on_effect(effect)
        return answer

    async def _count(self, request: Request) -> Response:
        self.shop.serve()
        for side in self.shop.installed():
            counter = side.counter
            self.counts.append(
                Served(self._seconds(), side.release.version, counter.requests, counter.errors)
            )
        return await super()._count(request)

    async def _resolve(self, request: Request) -> Response:
        answer = await super()._resolve(request)
        version = request.path_params["version"]
        if answer.status_code == 200 and version in self.shop.artifacts:
            return JSONResponse({"version": version, "artifact": self.shop.artifacts[version]})
        return answer
