"""The words that every section of a plan file is written in.

Durations, percentages and names have one spelling. A section is closed: unknown keys are mistakes.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bot.domain.conditions import Action

Duration = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)$")]
Percent = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?%$")]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
NameOrNone = Annotated[str, Meta(pattern=r"^([a-z][a-z0-9_]*)?$")]
"""For what a plan that extends another can take back with ""."""

Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Breach = Literal["rollback", "step_back", "pause"]
OnInconclusive = Literal["extend", "ask", "proceed"]


class Closed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a file: unknown keys are mistakes."""


class ConditionDocument(Closed, frozen=True, kw_only=True):
    id: str = ""
    if_: str = msgspec.field(default="", name="if")
    event: Name | Literal[""] = ""
    attest: str = ""
    check: Name | Literal[""] = ""
    include: Slug | Literal[""] = ""
    targets: Slug | Literal[""] = ""
    stable: Duration | Literal[""] = ""
    window: Duration | Literal[""] = ""
    for_: Duration | Literal[""] = msgspec.field(default="", name="for")
    consecutive: Annotated[int, Meta(ge=1)] | None = None
    evidence: Literal["require", ""] = ""
    cause: Literal["release", ""] = ""
    do: Action | None = None
    say: str = ""
    act: str = ""
    by: tuple[str, ...] = ()
    optional: bool = False
    value: str = ""
    tells: str = ""
