"""Who signed what, and whether that is enough. One mechanism for every aggregate.

A request is bound to a digest of exactly what will happen. Seats are filled by distinct people;
which seat a person fills is decided by a matching, so that somebody who holds two roles sits
where it helps.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bot.domain.plan import Approval, digest_of

ANY = "*"
"""The name of a seat that everybody with a role may fill."""


class Signature(msgspec.Struct, frozen=True):
    """One person's yes. `roles` are those held when signing, re-checked before execution."""

    person: str
    user_id: str
    roles: tuple[str, ...]
    at: datetime
    comment: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A question put to several people.

    seats: role names, `ANY` for a seat of any role. excluded: people who may not sign (the one who
    asked). generation: counts what was asked; a changed question is a new generation.
    optional: roles that may sign too and are not waited for.
    """

    id: str
    digest: str
    generation: int
    seats: tuple[str, ...]
    excluded: tuple[str, ...]
    comment_required: bool
    opened_at: datetime
    expires_at: datetime
    remind_every: timedelta
    reminded_at: datetime
    signatures: tuple[Signature, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The seats nobody fills yet, after the best seating."""
        taken = seating(self.seats, self.signatures)
        return tuple(seat for index, seat in enumerate(self.seats) if index not in taken)

    @property
    def complete(self) -> bool:
        return not self.missing

    def signed_by(self, person: str) -> bool:
        return any(signature.person == person for signature in self.signatures)


class Refused(StrEnum):
    """Why a signature does not count."""

    ALREADY = "already signed"
    REQUESTER = "the requester can't sign"
    NO_SEAT = "holds none of the roles asked for"
    CHANGED = "what was shown is not what is asked now"
    EXPIRED = "the request has expired"
    COMMENT = "a comment is required"


def open_request(
    rule: Approval,
    *,
    request_id: str,
    digest: str,
    generation: int,
    excluded: tuple[str, ...],
    now: datetime,
) -> Request:
    """Ask for the signatures of a rule from now on."""
    return Request(
        id=request_id,
        digest=digest,
        generation=generation,
        seats=rule.roles + (ANY,) * rule.any,
        excluded=excluded,
        comment_required=rule.comment_required,
        opened_at=now,
        expires_at=now + rule.expires,
        remind_every=rule.remind,
        reminded_at=now,
        optional=rule.optional,
    )


def one_more(request: Request) -> Request:
    """The request with a further seat, for anybody with a role."""
    return msgspec.structs.replace(request, seats=(*request.seats, ANY))


def sign(request: Request, signature: Signature, digest: str) -> Request | Refused:
    """Add a signature given for `digest`, or say why it does not count."""
    refused = _refusal(request, signature, digest)
    if refused is not None:
        return refused
    return msgspec.structs.replace(request, signatures=(*request.signatures, signature))


def _refusal(request: Request, signature: Signature, digest: str) -> Refused | None:
    if signature.at >= request.expires_at:
        return Refused.EXPIRED
    if digest != request.digest:
        return Refused.CHANGED
    if signature.person in request.excluded:
        return Refused.REQUESTER
    if request.signed_by(signature.person):
        return Refused.ALREADY
    if not _has_place(request, signature.roles):
        return Refused.NO_SEAT
    if request.comment_required and not signature.comment.strip():
        return Refused.COMMENT
    return None


def withdraw(request: Request, person: str) -> Request:
    """Take a person's signature back (no change when there is none)."""
    kept = tuple(s for s in request.signatures if s.person != person)
    return msgspec.structs.replace(request, signatures=kept)


def recheck(request: Request, roles: Mapping[str, Sequence[str]]) -> Request:
    """Drop the signatures of people whose present `roles` no longer fit any seat.

    roles: what each signer holds now; a person who is missing in it holds nothing any more.
    """
    kept = tuple(
        msgspec.structs.replace(s, roles=tuple(roles.get(s.person, ())))
        for s in request.signatures
        if _has_place(request, roles.get(s.person, ()))
    )
    return msgspec.structs.replace(request, signatures=kept)


def seating(seats: Sequence[str], signatures: Sequence[Signature]) -> Mapping[int, Signature]:
    """A largest assignment of signatures to seats, one person per seat: seat index -> signature.

    Kuhn's augmenting paths for bipartite matching (H. W. Kuhn, 1955); there are few seats.
    """
    taken: dict[int, Signature] = {}
    for signature in signatures:
        _place(signature, seats, taken, set())
    return taken


def _place(
    signature: Signature, seats: Sequence[str], taken: dict[int, Signature], tried: set[int]
) -> bool:
    for index, seat in enumerate(seats):
        if index in tried or not _fits(seat, signature.roles):
            continue
        tried.add(index)
        if index not in taken or _place(taken[index], seats, taken, tried):
            taken[index] = signature
            return True
    return False


def _has_place(request: Request, roles: Sequence[str]) -> bool:
    return any(_fits(seat, roles) for seat in (*request.seats, *request.optional))


def _fits(seat: str, roles: Sequence[str]) -> bool:
    return bool(roles) if seat == ANY else seat in roles


def release_digest(
    *,
    service: str,
    environment: str,
    version: str,
    artifact: str,
    plan: str,
    generation: int,
    purpose: str = "release",
    type_: str = "",
    labels: Sequence[str] = (),
) -> str:
    """What a signature is bound to; `plan` is the digest of the plan's document."""
    return digest_of(
        {
            "purpose": purpose,
            "service": service,
            "environment": environment,
            "version": version,
            "artifact": artifact,
            "plan": plan,
            "generation": generation,
            "type": type_,
            "labels": sorted(labels),
        }
    )
