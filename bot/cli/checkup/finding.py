"""One thing that `doctor` found: how it is, and what to do about it."""

from collections.abc import Iterable
from typing import Literal

import msgspec

Status = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """What was found.

    area: the part of the installation. subject: which one of it. status: `fail` keeps releases from
    working, `warn` takes something away from them. text: how it is. do: what to do, "" for nothing.
    """

    area: str
    subject: str
    status: Status
    text: str
    do: str = ""


def worst(findings: Iterable[Finding]) -> Status:
    """The gravest status; ok when there is nothing."""
    found = {finding.status for finding in findings}
    if "fail" in found:
        return "fail"
    return "warn" if "warn" in found else "ok"
