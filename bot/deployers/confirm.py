"""Reads an effect back: whether what a target shows is what was asked of it.

Every backend ends a change here, so that "done" means the same for all of them. A target that
does not show the effect yet is a temporary error: the same key may be sent again.
"""

from bot.ports import Observation, Release, Side, TemporaryError

TOLERANCE = 0.5
"""Percentage points by which a weight read back may differ (targets round)."""


def same(left: Release, right: Release) -> bool:
    """The same version, and the same artifact where both sides name one."""
    if left.version != right.version:
        return False
    return not left.artifact or not right.artifact or left.artifact == right.artifact


def is_prepared(seen: Observation, release: Release) -> str:
    """ "" when `release` is the candidate, ready and without traffic; else what is missing."""
    candidate = seen.candidate
    if candidate is None or not same(candidate.release, release):
        return f"the candidate is {_name(candidate)} instead of {release.version}"
    if not candidate.ready:
        return f"{release.version} is not ready yet{_detail(candidate.detail)}"
    return _uniform(seen)


def is_shifted(seen: Observation, release: Release, weight: float, audience: str = "") -> str:
    """ "" when the candidate `release` receives `weight` percent; else what is seen instead.

    audience: of whom that is a share, "" for everybody.
    """
    candidate = seen.candidate
    if candidate is None or not same(candidate.release, release):
        return f"the candidate is {_name(candidate)} instead of {release.version}"
    if abs(candidate.weight - weight) > TOLERANCE:
        return f"{release.version} receives {candidate.weight:g} % instead of {weight:g} %"
    if candidate.audience != audience:
        of, wanted = candidate.audience or "everybody", audience or "everybody"
        return f"{release.version} receives {weight:g} % of {of} instead of {wanted}"
    return _uniform(seen)


def is_current(seen: Observation, release: Release) -> str:
    """ "" when `release` is the current version and has all traffic; else what is seen instead."""
    if not same(seen.current.release, release):
        return f"the current version is {_name(seen.current)} instead of {release.version}"
    if abs(seen.current.weight - 100) > TOLERANCE:
        return f"{release.version} receives {seen.current.weight:g} % instead of 100 %"
    return _uniform(seen)


def is_retired(seen: Observation, release: Release) -> str:
    """ "" when `release` is installed on no side; else what is seen instead."""
    if seen.candidate is not None and same(seen.candidate.release, release):
        return f"{release.version} is still installed"
    return _uniform(seen)


def require(missing: str) -> None:
    """Raise TemporaryError when one of the checks above found something.

    It was asked for, so it may show yet: the error says that it is unknown.
    """
    if missing:
        raise TemporaryError(f"not confirmed: {missing}", unknown=True)


def _uniform(seen: Observation) -> str:
    return "" if seen.uniform else seen.detail or "the processes of the target do not agree"


def _name(side: Side | None) -> str:
    return "nothing" if side is None else side.release.version


def _detail(text: str) -> str:
    return f" ({text})" if text else ""
