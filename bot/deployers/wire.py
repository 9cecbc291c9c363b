"""The JSON by which other programs tell the bot what runs: read by the http and command backends.

Unknown keys are ignored, so that a deployer may say more than the bot asks for.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.ports import Capabilities, Observation, Release, Side, TemporaryError


class WireSide(msgspec.Struct, frozen=True):
    version: str
    weight: Annotated[float, Meta(ge=0, le=100)]
    ready: bool
    artifact: str = ""
    instances: int | None = None
    detail: str = ""
    audience: str = ""

    def side(self) -> Side:
        return Side(
            Release(self.version, self.artifact),
            self.weight,
            self.ready,
            self.instances,
            self.detail,
            audience=self.audience,
        )


class WireChange(msgspec.Struct, frozen=True):
    """How the newest change fares: its key, and `running`, `applied` or `failed` with a reason."""

    key: str
    state: str
    reason: str = ""


class WireTarget(msgspec.Struct, frozen=True):
    """What runs at a target."""

    current: WireSide
    candidate: WireSide | None = None
    seq: int = 0
    capabilities: tuple[str, ...] | None = None
    uniform: bool = True
    detail: str = ""
    last: WireChange | None = None

    def observation(self) -> Observation:
        candidate = None if self.candidate is None else self.candidate.side()
        return Observation(self.current.side(), candidate, self.seq, self.uniform, self.detail)


class WireRelease(msgspec.Struct, frozen=True):
    version: str
    artifact: str = ""

    def release(self) -> Release:
        return Release(self.version, self.artifact)


def decode_target(body: bytes | str, source: str) -> WireTarget:
    """What a program said about its target.

    source: who said it, for the message. Raises TemporaryError when it is not what was agreed:
    a half-written answer and a proxy's error page look like that, and nothing can be known.
    """
    try:
        return msgspec.json.decode(body, type=WireTarget)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TemporaryError(f"{source} did not say what runs: {error}", unknown=True) from error


def decode_release(body: bytes | str, source: str) -> WireRelease:
    """A resolved version. Raises TemporaryError like `decode_target`."""
    try:
        return msgspec.json.decode(body, type=WireRelease)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TemporaryError(f"{source} did not name a release: {error}") from error


def capabilities_of(names: tuple[str, ...], *, digests: bool = True) -> Capabilities:
    """Capabilities from the words of the contract."""
    return Capabilities(
        weights="weights" in names,
        prepare="prepare" in names,
        promote="promote" in names,
        retire="retire" in names,
        instances="instances" in names,
        resolves_digests=digests,
        audience="audience" in names,
        flag="flag" in names,
        sticky="sticky" in names,
    )
