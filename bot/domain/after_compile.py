"""From a plan's `after`, `verify`, `signoffs` and `success` to what can be carried out.

What could never be judged, or would be read by nobody, is refused with its place in the file.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec

from bot.domain import subjects
from bot.domain.after_plan import (
    REMIND,
    AfterPlan,
    Criterion,
    Group,
    Signoff,
    Task,
    Watch,
    Window,
    told_by,
)
from bot.domain.approvals import ANY
from bot.domain.checklist_rules import value_mistake
from bot.domain.conditions import Comparison, Condition, parse_comparison
from bot.domain.documents import DocumentError, Path, nearest
from bot.domain.plan import ApprovalDocument, Metric, PlanDocument, Wave
from bot.domain.plan_conditions import Place, conditions, duration
from bot.domain.plan_sections import AfterDocument, SignoffDocument, VerifyDocument
from bot.domain.plan_terms import ConditionDocument

SUBJECTS = (
    "alarms",
    "alerts",
    "incidents",
    "late",
    "mttr",
    "open_incidents",
    "reports",
    "traffic",
    "unplanned_rollbacks",
)
"""What the bot itself can say about a release after it, beside the plan's metrics."""

SCALE_DOWN = "scale_down"
SWITCH_BACK = "switch_back"

SOONEST = timedelta(minutes=1)
"""Nothing that is over is looked at more often."""

KEEP_PREVIOUS = "1h"
"""How long the old side stays in a plan that does not say."""

FINAL = "final"
"""The id of the sign-off at the end that `approvals.signoff` asks for by itself."""

Metrics = Mapping[str, Metric]


class _Sources(NamedTuple):
    """What items may speak of."""

    metrics: Metrics
    targets: Mapping[str, Sequence[str]]


def after_plan(shape: PlanDocument, metrics: Metrics, last: Wave) -> AfterPlan:
    """What goes on after the release. last: the wave at 100 %. Raises DocumentError."""
    what = _Sources(metrics, shape.targets)
    for index, document in enumerate(shape.after):
        _checked(document, ("after", index))
        if document.id in {other.id for other in shape.after[:index]}:
            raise DocumentError(("after", index, "id"), f"{document.id!r} is used twice")
    watches = tuple(
        Watch(
            id=each.id,
            span=duration(each.for_, ("after", index, "for")),
            every=duration(each.every, ("after", index, "every")) if each.every else None,
            look=duration(each.look, ("after", index, "look")) if each.look else None,
            then=each.then,
        )
        for index, each in enumerate(shape.after)
        if each.for_
    )
    success = tuple(
        _criterion(each, metrics, ("success", i)) for i, each in enumerate(shape.success)
    )
    made = AfterPlan(
        watches=watches,
        tasks=tuple(
            Task(id=each.id, due=duration(each.after, ("after", index, "after")))
            for index, each in enumerate(shape.after)
            if each.after and not each.if_stable
        ),
        windows=tuple(
            _window(each, what, ("verify", index)) for index, each in enumerate(shape.verify)
        ),
        signoffs=_signoffs(shape, what, watches),
        success=success,
        standing=_standing(last, success, metrics),
    )
    _different(made)
    _telling(shape, made)
    return made


def keep_previous(shape: PlanDocument) -> str:
    """How long the old side stays, which `after: [{if_stable: scale_down}]` is another word for.

    `watch.keep_previous` is the last word, so that a plan which extends another can change it.
    """
    said = (each.after for each in shape.after if each.if_stable)
    return shape.watch.keep_previous or next(said, KEEP_PREVIOUS)


def _checked(document: AfterDocument, path: Path) -> None:
    if bool(document.for_) == bool(document.after):
        what = "both `for` and" if document.after else "neither `for` nor"
        hint = "`for` is how long it goes on, `after` when it falls due"
        raise DocumentError(path, f"has {what} `after`", hint)
    if document.every and not document.for_:
        raise DocumentError((*path, "every"), "goes with `for`")
    if document.look and not document.for_:
        raise DocumentError((*path, "look"), "goes with `for`")
    if document.look and _span(document.look) < SOONEST:
        raise DocumentError((*path, "look"), "is shorter than a minute", "write it like 5m")
    if document.then and not document.for_:
        raise DocumentError((*path, "then"), "is what is reached at the end of a `for`")
    if bool(document.if_stable) != bool(document.else_):
        raise DocumentError(path, "`if_stable` and `else` go together")
    if document.if_stable:
        _decommission(document, path)
    if document.every and _span(document.every) > _span(document.for_):
        raise DocumentError((*path, "every"), f"is longer than `for`, {document.for_}")


def _span(text: str) -> timedelta:
    return duration(text, ())


def _decommission(document: AfterDocument, path: Path) -> None:
    if not document.after:
        raise DocumentError((*path, "if_stable"), "goes with `after`, when it is decided")
    for key, text, known in (
        ("if_stable", document.if_stable, SCALE_DOWN),
        ("else", document.else_, SWITCH_BACK),
    ):
        if text != known:
            raise DocumentError((*path, key), f"{text!r} is unknown", f"write {known}")


# --- windows and sign-offs ------------------------------------------------------------------


def _window(document: VerifyDocument, what: _Sources, path: Path) -> Window:
    starts = duration(document.from_, (*path, "from"), zero=True)
    ends = duration(document.until, (*path, "until"))
    if ends <= starts:
        raise DocumentError((*path, "until"), f"is not after `from`, {document.from_}")
    if not document.items:
        raise DocumentError((*path, "items"), "are missing", "say what is looked at")
    items = _items(document.items, what, document.id, (*path, "items"))
    return Window(id=document.id, starts=starts, ends=ends, items=items)


def _signoffs(shape: PlanDocument, what: _Sources, watches: Sequence[Watch]) -> tuple[Signoff, ...]:
    rule = shape.approvals.get("signoff")
    if rule is not None and not rule.all_of and not rule.any:
        hint = "list the roles in `all_of`, or write `any: 1`"
        raise DocumentError(("approvals", "signoff"), "asks nobody", hint)
    ids = [document.id for document in shape.signoffs]
    made: list[Signoff] = []
    for index, document in enumerate(shape.signoffs):
        path: Path = ("signoffs", index)
        before = next((each for each in shape.signoffs if each.then == document.id), None)
        one = _signoff(document, rule, what, path, before, made[-1] if made else None)
        # `then` may name the next sign-off, which says itself what it comes after.
        made.append(msgspec.structs.replace(one, then="") if one.then in ids else one)
    return (*made, *_final(rule, watches)) if not made else tuple(made)


def _signoff(
    document: SignoffDocument,
    rule: ApprovalDocument | None,
    what: _Sources,
    path: Path,
    before: SignoffDocument | None,
    last: Signoff | None,
) -> Signoff:
    due = duration(document.after, (*path, "after"), zero=True)
    until = duration(document.until, (*path, "until")) if document.until else None
    if until is not None and until <= due:
        raise DocumentError((*path, "until"), f"is not later than `after`, {document.after}")
    if last is not None and due <= last.due:
        raise DocumentError((*path, "after"), f"is not later than that of {last.id}")
    if before is document:
        raise DocumentError((*path, "then"), "is this sign-off itself")
    return Signoff(
        id=document.id,
        due=due,
        measured_from=last.due if last is not None else timedelta(),
        until=until,
        seats=document.by or _seats(rule),
        comment_required=rule is not None and rule.comment == "required",
        remind=_remind(rule),
        items=_items(document.items, what, document.id, (*path, "items")),
        after=before.id if before is not None else "",
        then=document.then,
    )


def _seats(rule: ApprovalDocument | None) -> tuple[str, ...]:
    return (*rule.all_of, *(ANY,) * rule.any) if rule is not None else (ANY,)


def _remind(rule: ApprovalDocument | None) -> timedelta:
    """The plan's reminder; the usual one of signatures that block a release is far too short."""
    usual = ApprovalDocument().remind
    if rule is None or rule.remind == usual:
        return REMIND
    return duration(rule.remind, ("approvals", "signoff", "remind"))


def _final(rule: ApprovalDocument | None, watches: Sequence[Watch]) -> tuple[Signoff, ...]:
    """The sign-off at the end of the longest watch, where the plan only says who signs."""
    if rule is None:
        return ()
    longest = max(watches, key=lambda watch: watch.span, default=None)
    return (
        Signoff(
            id=FINAL,
            due=longest.span if longest is not None else timedelta(),
            seats=_seats(rule),
            comment_required=rule.comment == "required",
            remind=_remind(rule),
            then=longest.then if longest is not None else "",
        ),
    )


# --- items and criteria ---------------------------------------------------------------------


def _items(
    documents: Sequence[ConditionDocument], what: _Sources, prefix: str, path: Path
) -> tuple[Condition, ...]:
    place = Place(("if", "attest", "check"), None, prefix, subjects=())
    made: list[Condition] = []
    for index, document in enumerate(documents):
        here: Path = (*path, index)
        written = _expanded(document, what.targets, here)
        own = [_own_subject(each.if_, what.metrics) for each in written]
        # What the bot knows itself is no metric: its id is made from its text as a statement's is.
        readable = [
            ConditionDocument(id=each.id, attest=each.if_) if known else _asked(each, here)
            for each, known in zip(written, own, strict=True)
        ]
        for known in own:
            if known is not None and known.subject in subjects.SUBJECTS:
                subjects.check(known, what.metrics, (), (*here, "if"))
        for item, known in zip(_conditions(readable, what, here, place), own, strict=True):
            _absolute(item.comparison, (*here, "if"))
            fact = Condition(id=item.id, kind="if", text=item.text, comparison=known)
            told = msgspec.structs.replace(item, value=document.value, tells=document.tells)
            made.append(fact if known is not None else told)
    return tuple(made)


def _asked(document: ConditionDocument, path: Path) -> ConditionDocument:
    """An item without what only items of this kind have; the number that is wanted is asked for."""
    if not document.attest:
        return document
    wanted = ""
    if document.value:
        problem = value_mistake(document.value)
        if problem:
            raise DocumentError((*path, "value"), problem, "write it like >= 4.5 or < 15m")
        wanted = f" ({document.value})"
    attest = f"{document.attest}{wanted}"
    return msgspec.structs.replace(document, attest=attest, value="", tells="")


def _telling(shape: PlanDocument, made: AfterPlan) -> None:
    """What an answer tells is one of the criteria of success."""
    known = [word for each in made.success for word in told_by(each)]
    lists = [("verify", index, each.items) for index, each in enumerate(shape.verify)]
    lists += [("signoffs", index, each.items) for index, each in enumerate(shape.signoffs)]
    for section, index, items in lists:
        for number, item in enumerate(items):
            if item.tells and item.tells not in known:
                path: Path = (section, index, "items", number, "tells")
                problem = f"success has no criterion {item.tells!r}"
                raise DocumentError(path, problem, nearest(item.tells, known))


def _conditions(
    documents: Sequence[ConditionDocument], what: _Sources, path: Path, place: Place
) -> tuple[Condition, ...]:
    """What one entry of a list stands for; a mistake is at that entry."""
    try:
        return conditions(documents, what.metrics, path, place)
    except DocumentError as error:
        where: Path = (*path, *error.path[len(path) + 1 :])
        raise DocumentError(where, error.problem, error.hint) from error


def _expanded(
    document: ConditionDocument, targets: Mapping[str, Sequence[str]], path: Path
) -> Sequence[ConditionDocument]:
    """`targets: performance` stands for all conditions of that name."""
    if not document.targets:
        return (document,)
    if document.targets not in targets:
        problem = f"the plan has no targets {document.targets!r}"
        raise DocumentError((*path, "targets"), problem, nearest(document.targets, targets))
    return [ConditionDocument(if_=text) for text in targets[document.targets]]


def _own_subject(text: str, metrics: Metrics) -> Comparison | None:
    """The comparison when its subject is one of the bot's own; None for everything else."""
    try:
        comparison = parse_comparison(text)
    except ValueError:
        return None
    own = comparison.subject in SUBJECTS and comparison.subject not in metrics
    return comparison if own and not comparison.limit.relative else None


def _absolute(comparison: Comparison | None, path: Path) -> None:
    if comparison is not None and comparison.limit.relative:
        hint = "write a number, like 0.1%"
        raise DocumentError(path, "the old version is gone by then, with the baseline", hint)


def _criterion(text: str, metrics: Metrics, path: Path) -> Criterion:
    """A criterion of success. What is no comparison is for people, and so is what nobody measures.

    A metric of the plan has to be compared in a way that can be judged.
    """
    try:
        comparison = parse_comparison(text)
    except ValueError:
        return Criterion(text)
    if comparison.subject in metrics:
        _absolute(comparison, path)
        place = Place(("if",), None, "success", subjects=())
        conditions((ConditionDocument(if_=text),), metrics, path, place)
    return Criterion(text, comparison)


def _standing(last: Wave, success: Sequence[Criterion], metrics: Metrics) -> tuple[Condition, ...]:
    """The numbers of the last wave's gates; where it has none, those of the criteria of success."""
    found = {
        gate.text: gate
        for gate in last.gates
        if gate.comparison is not None
        and gate.comparison.subject in metrics
        and not gate.comparison.limit.relative
        and not gate.comparison.limit.wave
    }
    return tuple(found.values()) or tuple(
        Condition(id=f"success-{index}", kind="if", text=each.text, comparison=each.comparison)
        for index, each in enumerate(success)
        if each.comparison is not None and each.comparison.subject in metrics
    )


def _different(made: AfterPlan) -> None:
    """Everything that people name has a name of its own."""
    groups: dict[str, Group] = {}
    for group in made.groups:
        section = "verify" if isinstance(group, Window) else "signoffs"
        if group.id in groups:
            raise DocumentError((section,), f"there are two of the name {group.id!r}")
        groups[group.id] = group
    seen: set[str] = set()
    for group, item in made.items():
        if item.id in seen:
            section = "verify" if isinstance(group, Window) else "signoffs"
            hint = "give each an `id` of its own"
            raise DocumentError((section,), f"there are two items {item.id!r}", hint)
        seen.add(item.id)


def known_signoff(plan: AfterPlan, word: str) -> str:
    """A hint naming the sign-off that was meant."""
    return nearest(word, [signoff.id for signoff in plan.signoffs])
