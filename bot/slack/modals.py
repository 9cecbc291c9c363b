"""The dialogs: starting a release, and a rollback that wants a reason.

A field's block_id and action_id are one name, so that what was filled in, and what is wrong with
it, go by that name too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bot.domain.rollout import Rollout
from bot.slack.blocks import Block, choice, choices, context, modal, section, text_input
from bot.slack.buttons import rollback_words
from bot.slack.sections import artifact_words
from bot.slack.text import escape

RELEASE_START = "release_start"
ROLLBACK_CONFIRM = "rollback_confirm"
DECISION = "decision"
APPROVE_COMMENT = "approve_comment"
REASON_MOST = 1000

Options = Sequence[tuple[str, str]]
"""(value, what is shown) of each entry of a list."""


class ReleaseForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the form offers, and what is filled in already.

    metadata: comes back with the submission (the channel the answer belongs to).
    """

    services: Options
    environments: Options
    plans: Options
    types: Options = ()
    labels: Options = ()
    service: str = ""
    environment: str = ""
    plan: str = ""
    version: str = ""
    artifact: str = ""
    note: str = ""
    metadata: str = ""


def release_start(form: ReleaseForm) -> Block:
    """The form that starts a release."""
    if not form.services or not form.environments:
        nothing = "No service is configured yet. Add one under `services:` in countersign.yml."
        return modal(RELEASE_START, "Start a release", [section(nothing)], close="Close")
    blocks = [
        choice("service", "Service", form.services, initial=form.service or form.services[0][0]),
        choice(
            "environment",
            "Environment",
            form.environments,
            initial=form.environment or form.environments[0][0],
        ),
        text_input(
            "version",
            "Version",
            initial=form.version,
            placeholder="v1.2.0",
            focus=True,
            most=100,
        ),
        *([_plan(form)] if form.plans else []),
        *([_type(form)] if form.types else []),
        *([_labels(form)] if form.labels else []),
        text_input(
            "artifact",
            "Artifact digest",
            hint="Only if it has to be exactly this one; otherwise it is looked up.",
            initial=form.artifact,
            placeholder="sha256:…",
            optional=True,
            most=200,
        ),
        text_input(
            "note",
            "Note",
            hint="Shown to those who sign.",
            initial=form.note,
            multiline=True,
            optional=True,
            most=1000,
        ),
    ]
    return modal(
        RELEASE_START, "Start a release", blocks, submit="Ask for it", metadata=form.metadata
    )


def _plan(form: ReleaseForm) -> Block:
    hint = "Left empty: the plan of the service."
    return choice("plan", "Plan", form.plans, hint=hint, initial=form.plan, optional=True)


def _type(form: ReleaseForm) -> Block:
    hint = "It chooses the plan, and may ask more people to sign."
    return choice("type", "Type", form.types, hint=hint, optional=True)


def _labels(form: ReleaseForm) -> Block:
    hint = "What else is true of it; each may ask somebody more to sign."
    return choices("labels", "Labels", form.labels, hint=hint)


def approve_comment(rollout: Rollout, purpose: str, metadata: str) -> Block:
    """The question that comes with a signature where the plan wants a comment.

    purpose: release or rollback. metadata: comes back with the submission.
    """
    what = f"{rollout.service} {rollout.version} in {rollout.environment}"
    word = "You sign the rollback of" if purpose == "rollback" else "You sign the release of"
    blocks = [
        section(f"{escape(word)} {escape(what)}."),
        context(artifact_words(rollout)),
        text_input(
            "comment",
            "Comment",
            hint="What you looked at. It is shown with your signature and kept in the audit.",
            multiline=True,
            focus=True,
            most=REASON_MOST,
        ),
    ]
    return modal(APPROVE_COMMENT, "Approve", blocks, submit="Approve", metadata=metadata)


def decision(rollout: Rollout, what: str, metadata: str) -> Block:
    """The question that comes with a decision that is kept with its reason.

    what: is decided, like "Advance". metadata: comes back with the submission.
    """
    where = f"{rollout.service} {rollout.version} in {rollout.environment}"
    blocks = [
        section(f"{escape(what)}: {escape(where)}."),
        text_input(
            "reason",
            "Why",
            hint="It is said in the thread and kept in the audit.",
            multiline=True,
            focus=True,
            most=REASON_MOST,
        ),
    ]
    return modal(DECISION, "Decide", blocks, submit="Decide", metadata=metadata)


def rollback_confirm(rollout: Rollout, *, metadata: str, reason: str = "", now: bool) -> Block:
    """The question before a rollback, with room for the reason.

    metadata: comes back with the submission. now: break the glass, by one person alone.
    """
    words = rollback_words(rollout, at_once=now)
    blocks = [
        section(escape(words)),
        context(artifact_words(rollout)),
        text_input(
            "reason",
            "Reason",
            hint="It is announced and kept in the audit.",
            initial=reason,
            multiline=True,
            most=REASON_MOST,
        ),
    ]
    title = "Break the glass" if now else "Roll back"
    submit = "Roll back now" if now or rollout.rollback_rule is None else "Ask to roll back"
    return modal(ROLLBACK_CONFIRM, title, blocks, submit=submit, metadata=metadata)


def filled_in(state: Mapping[str, Any]) -> dict[str, str]:
    """What was filled into a form: name of the field -> text, "" where nothing was.

    state: `view.state.values` as Slack sends it; what has been read once already stays as it is.
    """
    found: dict[str, str] = {name: text for name, text in state.items() if isinstance(text, str)}
    for name, elements in state.items():
        for element in elements.values() if isinstance(elements, Mapping) else ():
            found[str(name)] = _text_of(element)
    return found


def _text_of(element: object) -> str:
    if not isinstance(element, Mapping):
        return ""
    option = element.get("selected_option")
    if isinstance(option, Mapping):
        return str(option.get("value") or "")
    several = element.get("selected_options")
    if isinstance(several, Sequence) and not isinstance(several, str):
        return ",".join(str(each.get("value")) for each in several if isinstance(each, Mapping))
    for name in ("value", "selected_user", "selected_channel", "selected_conversation"):
        if element.get(name):
            return str(element[name])
    return ""
