"""The desk: takes every intent, finds the verb or the act, and answers the one who asked.

What changes something is stored by the listener first and handled here afterwards; what only
looks is answered within the acknowledgement. Both find their way through the same tables.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bot.domain.policy import DIGEST_SHOWN, ButtonValue, answer_of, decode
from bot.domain.release_types import known_labels, known_types
from bot.engine.intents import Intent
from bot.slack.aftercare import DECLINE, DECLINE_FORM, SIGN_OFF, decline_form
from bot.slack.checklists import CHECKLIST, EVIDENCE
from bot.slack.incidents import DECLARE
from bot.slack.modals import (
    APPROVE_COMMENT,
    DECISION,
    RELEASE_START,
    ROLLBACK_CONFIRM,
    ReleaseForm,
    approve_comment,
    decision,
    filled_in,
    release_start,
    rollback_confirm,
)
from bot.slack.notice_forms import NOTICE_NEW
from bot.slack.replies import Reply
from commands import (
    aftercare,
    checklist,
    incident,
    notice_forms,
    pressing,
    rollback,
    standup,
    start,
)
from commands.acts import ACTS, ENDED, RAISING, Given, carry_out
from commands.context import UNDER_WAY, WITH_TRAFFIC, Call, Context, Refuse, Verb
from commands.parser import Parsed, ParseError, parse, verb_and_rest
from commands.registry import ROLLBACK, family_of, help_text, release_verb, verb_of

Respond = Callable[[Intent, Reply], Awaitable[None]]
"""Answers the one who asked, wherever they asked."""

_HELP = frozenset({"help", "?", "-h", "--help"})


@dataclass(frozen=True, slots=True)
class Desk:
    """See the module. respond: sends an answer; publish_home: redraws one person's Home tab."""

    context: Context
    respond: Respond
    publish_home: Callable[[str], Awaitable[None]]

    # -- what is stored first --------------------------------------------------------------

    async def handle(self, intent: Intent) -> None:
        """Carry out a stored intent. Raises TemporaryError to be given it again."""
        reply = await self.outcome(intent)
        if reply is not None:
            await self.respond(_where_it_began(intent), reply)

    async def outcome(self, intent: Intent) -> Reply | None:
        """Carry out an intent; what to tell the one who asked, None when the card says it."""
        try:
            return await self.do(intent)
        except (Refuse, ParseError) as refused:
            return Reply(str(refused))

    async def do(self, intent: Intent) -> Reply | None:
        """The same, but what can't be done raises Refuse or ParseError."""
        match intent.kind:
            case "command":
                return await self._command(intent)
            case "action":
                return await self._action(intent)
            case "view":
                return await self._view(intent)
            case "admin":
                return await self._admin(intent)
            case "event":
                if intent.name == "app_home_opened":
                    await self.publish_home(intent.user_id)
                return None
            case "hook":
                raise Refuse("Hooks are taken in elsewhere.")

    async def _command(self, intent: Intent) -> Reply | None:
        verb, call = self._understood(intent)
        return await verb.run(call) if verb is not None else self._help(call)

    def _help(self, call: Call) -> Reply:
        names, word = self.context.names, call.parsed.get("verb")
        if f"/{call.intent.name}" == names.standup:
            return standup.help_of(names, word)
        return help_text(names, word, family_of(f"/{call.intent.name}", names))

    def _understood(self, intent: Intent) -> tuple[Verb | None, Call]:
        """The verb and its words; None for help. Raises Refuse and ParseError with the usage."""
        names = self.context.names
        word, rest = verb_and_rest(intent.text)
        if word in _HELP:
            return None, Call(self.context, intent, Parsed({"verb": rest[0]} if rest else {}))
        if f"/{intent.name}" == names.rollback:
            verb, words, command = ROLLBACK, [word, *rest] if word else [], names.rollback
        elif f"/{intent.name}" == names.standup:
            verb, words, command = standup.verb_of(word, names), rest, names.standup
        else:
            if not word:
                return None, Call(self.context, intent, Parsed({}))
            family = family_of(f"/{intent.name}", names)
            verb, words, command = verb_of(family, word, names), rest, f"/{intent.name}"
        try:
            return verb, Call(self.context, intent, parse(verb.grammar, words))
        except ParseError as error:
            raise Refuse(f"{error}\nUsage: `{verb.usage(command)}`") from error

    async def _action(self, intent: Intent) -> Reply | None:
        if await pressing.elsewhere(self.context, intent):
            return None
        if intent.name == SIGN_OFF:
            await aftercare.pressed(self.context, intent, decode(intent.value))
            return None
        if intent.name not in ACTS:
            return None
        value = decode(intent.value)
        if intent.name == "tick_item" and await self._ticked_after(intent, value):
            return None
        given = Given(
            digest=value.digest,
            text=_said(intent),
            new_id=intent.id,
            generation=value.generation,
        )
        if intent.name == "tick_item":
            gate, ok = answer_of(value.argument)
            given = replace(given, gate=gate, ok=ok)
        if intent.name in {"choose", "advance", "resume"}:
            given = replace(given, gate=value.argument)
        await self._act(intent, intent.name, value.rollout_id, given)
        return None

    async def _ticked_after(self, intent: Intent, value: ButtonValue) -> bool:
        """Whether the question belongs to what is verified after a release."""
        gate, ok = answer_of(value.argument)
        care = await self.context.aftercares.find(value.rollout_id)
        if care is None or all(item.id != gate for _, item in care.after.items()):
            return False
        actor = await self.context.actor(intent)
        await aftercare.answer(self.context, care, actor, gate, ok, _said(intent), intent.id)
        return True

    async def _act(self, intent: Intent, action: str, rollout_id: str, given: Given) -> None:
        context = self.context
        meant = ENDED.get(action, UNDER_WAY)
        rollout = await context.which(rollout_id, intent.channel, meant, ended=action in ENDED)
        await carry_out(context, action, rollout, intent, given)

    async def _view(self, intent: Intent) -> Reply | None:
        fields = filled_in(intent.values)
        if intent.name in incident.FORMS:
            return await incident.filled(self.context, intent)
        if intent.name == RELEASE_START:
            return await start.run(self._start_call(intent, fields))
        if intent.name == ROLLBACK_CONFIRM:
            rollout_id, _, how = intent.private_metadata.partition(":")
            action = "break_glass" if how == "now" else "rollback"
            given = Given(text=fields.get("reason", ""), new_id=intent.id)
            await self._act(intent, action, rollout_id, given)
        if intent.name == APPROVE_COMMENT:
            rollout_id, _, digest = intent.private_metadata.partition(":")
            given = Given(digest=digest, text=fields.get("comment", ""), new_id=intent.id)
            await self._act(intent, "approve", rollout_id, given)
        if intent.name in standup.FORMS:
            await standup.submitted(self.context, intent)
        if intent.name == DECISION:
            await self._decided(intent, fields.get("reason", ""))
        if intent.name == CHECKLIST:
            await checklist.save(self.context, intent)
        if intent.name in notice_forms.FORMS:
            return await notice_forms.filled(self.context, intent, fields)
        if intent.name == DECLINE_FORM:
            reason = fields.get("reason", "")
            await aftercare.refused(self.context, intent, intent.private_metadata, reason)
        return None

    async def _decided(self, intent: Intent, reason: str) -> None:
        """A decision whose reason was asked for."""
        rollout_id, action, option = intent.private_metadata.split(":", 2)
        given = Given(gate=option, text=reason, new_id=intent.id)
        await self._act(intent, action, rollout_id, given)

    def _start_call(self, intent: Intent, fields: Mapping[str, str]) -> Call:
        words = {
            "version": fields.get("version", ""),
            "service": fields.get("service", ""),
            "env": fields.get("environment", ""),
            "plan": fields.get("plan", ""),
            "type": fields.get("type", ""),
            "label": fields.get("labels", ""),
            "artifact": fields.get("artifact", ""),
            "note": fields.get("note", ""),
        }
        given = Parsed({k: v for k, v in words.items() if v})
        return Call(self.context, _where_it_began(intent), given)

    async def _admin(self, intent: Intent) -> Reply | None:
        """From the command line: the same verbs, by a person of the configuration."""
        given = intent.values
        if intent.name == "rollback":
            found = {"target": given.get("id") or given.get("service", "")}
            found |= {k: given[k] for k in ("version", "reason") if given.get(k)}
            switches = frozenset({"now"} if given.get("now") else ())
            call = Call(self.context, intent, Parsed(found, switches))
            return await rollback.decided(call)
        if given.get("verb", "").replace("-", "_") in RAISING:
            raise Refuse(
                "What lets traffic rise needs somebody whom Slack vouches for. Do it in Slack."
            )
        if intent.name != "release":
            raise Refuse(f"There is no /admin/{intent.name}; there are rollback and release.")
        verb = release_verb(given.get("verb", ""), self.context.names)
        _, words = verb_and_rest(f"{verb.name} {given.get('args', '')}")
        parsed = parse(verb.grammar, words)
        fixed = {"env": "environment", "version": "version", "service": "service"}
        extra = {k: given[v] for k, v in fixed.items() if given.get(v)}
        if given.get("service") and verb.name != "start":
            extra["target"] = given["service"]
        return await verb.run(
            Call(self.context, intent, Parsed({**parsed.words, **extra}, parsed.switches))
        )

    # -- what is answered at once ------------------------------------------------------------

    async def answer(self, intent: Intent) -> Reply | None:
        """The answer to a command that only looks, or can't be understood; None: store it."""
        if intent.kind != "command":
            return None
        try:
            verb, call = self._understood(intent)
            if verb is None:
                return self._help(call)
            return await verb.run(call) if verb.reads else None
        except (Refuse, ParseError) as refused:
            return Reply(str(refused))

    async def modal(self, intent: Intent) -> Mapping[str, Any] | None:
        """The form that a command or a click opens, None when it opens none."""
        names = self.context.names
        if intent.kind == "command" and not intent.text.strip():
            if f"/{intent.name}" == names.release:
                return self._release_form(intent)
            if f"/{intent.name}" == names.rollback:
                return await self._rollback_form("", intent, now=False)
            if f"/{intent.name}" == names.incident:
                return await incident.form(self.context, intent)
        if (form := pressing.form_behind(self.context, intent)) is not None:
            return await form
        if intent.kind == "action" and intent.name == "break_glass":
            return await self._rollback_form(decode(intent.value).rollout_id, intent, now=True)
        if intent.kind == "action" and intent.name in {"choose", "advance"}:
            return await self._decision_form(intent)
        if intent.kind == "action" and intent.name == "approve":
            return await self._comment_form(intent)
        if intent.kind == "action" and intent.name == CHECKLIST:
            return await checklist.form(self.context, decode(intent.value).rollout_id, intent)
        if intent.kind == "action" and intent.name == DECLINE:
            value = decode(intent.value)
            care = await self.context.aftercares.find(value.rollout_id)
            return decline_form(care, value.argument) if care else None
        return None

    async def _comment_form(self, intent: Intent) -> Mapping[str, Any] | None:
        """Where the plan wants a comment with a signature, the button asks for it."""
        value = decode(intent.value)
        rollout = await self.context.finder.find(value.rollout_id)
        asked = (rollout.rollback_request, rollout.request) if rollout is not None else ()
        for purpose, request in zip(("rollback", "release"), asked, strict=False):
            if rollout is None or request is None or not request.digest.startswith(value.digest):
                continue
            if request.comment_required and not request.complete:
                metadata = f"{rollout.id}:{request.digest[:DIGEST_SHOWN]}"
                return approve_comment(rollout, purpose, metadata)
            return None
        return None

    async def _decision_form(self, intent: Intent) -> Mapping[str, Any] | None:
        """Where a decision is kept with its reason, the button asks for it."""
        value = decode(intent.value)
        rollout = await self.context.finder.find(value.rollout_id)
        if rollout is None:
            return None
        metadata = f"{rollout.id}:{intent.name}:{value.argument}"
        if intent.name == "choose":
            what = f"Choose {value.argument.replace('_', ' ')}"
            return decision(rollout, what, metadata) if value.argument in rollout.options else None
        rule = rollout.the_plan.advance_approval
        wanted = rule is not None and rule.comment_required
        return decision(rollout, "Advance", metadata) if wanted else None

    def urgent(self, intent: Intent) -> bool:
        """A rollback goes on as if it had been typed out when its dialog can't be opened."""
        return intent.kind == "command" and f"/{intent.name}" == self.context.names.rollback

    def _release_form(self, intent: Intent) -> Mapping[str, Any]:
        catalogue = self.context.catalogue
        here = catalogue.services_in(intent.channel)
        services = here or catalogue.services()
        environments = sorted({e for s in services for e in catalogue.environments(s)})
        usual = "production" if "production" in environments else ""
        plans = [self.context.plan_named(name) for name in self._plans_of(services)]
        return release_start(
            ReleaseForm(
                services=[(name, name) for name in services],
                environments=[(name, name) for name in environments],
                plans=[(name, name) for name in self.context.plan_names],
                types=[(name, name) for name in known_types(*plans)],
                labels=[(name, name) for name in known_labels(*plans)],
                environment=usual,
                metadata=intent.channel,
            )
        )

    def _plans_of(self, services: Sequence[str]) -> list[str]:
        """The plans by which these services are released."""
        targets = self.context.catalogue.targets
        mine = [target for (service, _), target in targets.items() if service in services]
        names = (name for target in mine for name in (target.plan, *target.plans.values()))
        return [name for name in dict.fromkeys(names) if name in self.context.plan_names]

    async def _rollback_form(
        self, rollout_id: str, intent: Intent, *, now: bool
    ) -> Mapping[str, Any] | None:
        try:
            rollout = await self.context.which(rollout_id, intent.channel, WITH_TRAFFIC, ended=True)
        except Refuse:
            return None
        metadata = f"{rollout.id}:now" if now else rollout.id
        return rollback_confirm(rollout, metadata=metadata, now=now)

    async def validate(self, intent: Intent) -> Mapping[str, str]:
        """What is wrong with a filled-in form, by field; empty when nothing is."""
        fields = filled_in(intent.values)
        if intent.name == CHECKLIST:
            return await self._checklist_problems(intent)
        if intent.name in {*incident.FORMS, *notice_forms.FORMS}:
            return await pressing.problems(self.context, intent, fields)
        if intent.name != RELEASE_START:
            return {}
        problems: dict[str, str] = {}
        given = self._start_call(intent, fields).parsed
        try:
            environment = fields.get("environment", "")
            target = self.context.target(fields.get("service", ""), environment, "")
        except Refuse as refused:
            return {"environment": str(refused)}
        try:
            plan = start.chosen_plan(self.context, target, given)
        except Refuse as refused:
            return {"type" if fields.get("type") else "plan": str(refused)}
        try:
            start.labels_of(given, plan)
        except Refuse as refused:
            problems["labels"] = str(refused)
        try:
            start.checked_version(fields.get("version", ""), plan, target.environment)
        except Refuse as refused:
            problems["version"] = str(refused)
        artifact = fields.get("artifact", "")
        if artifact and not artifact.startswith("sha256:"):
            problems["artifact"] = "A digest starts with sha256: and 64 hexadecimal digits follow."
        return problems

    async def _checklist_problems(self, intent: Intent) -> Mapping[str, str]:
        try:
            return await checklist.problems(self.context, intent)
        except Refuse as refused:
            return {EVIDENCE: str(refused)}


def _where_it_began(intent: Intent) -> Intent:
    """A form knows no channel; one that begins something carries where it was asked for."""
    beginning = intent.kind == "view" and intent.name in {RELEASE_START, DECLARE, NOTICE_NEW}
    if not beginning or intent.channel:
        return intent
    return msgspec.structs.replace(intent, channel=intent.private_metadata.rpartition(":")[2])


def _said(intent: Intent) -> str:
    """What was typed along with a click, if anything."""
    return filled_in(intent.values).get("reason", "")
