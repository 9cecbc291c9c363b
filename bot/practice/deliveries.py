"""What happens when a person types a command, clicks, submits a form, or opens the Home tab.

Each act becomes a delivery to the bot, and the bot's acknowledgement is carried out the way
Slack's own client does: answers are shown, modals close, errors appear under their fields.
"""

from dataclasses import dataclass

from bot.practice import forms, payloads, responses, views
from bot.practice.blocks import checked_view, elements_of, is_interactive
from bot.practice.cast import Channel, Json, Person
from bot.practice.courier import Ack, Courier
from bot.practice.methods import message_object
from bot.practice.workspace import Ephemeral, Message, SlackError, View, Workspace


class ActError(Exception):
    """A person could not do this in Slack. `error` is a word, `hint` a sentence."""

    def __init__(self, error: str, hint: str = "") -> None:
        super().__init__(hint or error)
        self.error = error
        self.hint = hint


@dataclass(frozen=True)
class Pick:
    """Which element of a message or view is used, and with what.

    value: tells buttons with one action_id apart. choice: what is chosen in a select.
    """

    action_id: str
    value: str | None = None
    choice: object = None


class Deliveries:
    """Acts of people in one workspace, delivered to one bot."""

    def __init__(self, space: Workspace, courier: Courier) -> None:
        self._space = space
        self._courier = courier

    # -- typing ------------------------------------------------------------------------------

    async def say(self, person: Person, channel: Channel, text: str, thread_ts: str = "") -> Json:
        """Type a line: a slash command, or a message."""
        self._present(person, channel)
        if text.startswith("/"):
            if thread_ts:
                raise ActError("command_in_thread", "slash commands can't be used in a thread")
            return await self._command(person, channel, text)
        shown = payloads.escaped(self._space, text)
        message = Message(channel.id, self._space.new_ts(), person.id, shown, thread_ts=thread_ts)
        self._space.add(message)
        await self._message_events(person, channel, message)
        return {"ok": True, "ts": message.ts}

    async def _command(self, person: Person, channel: Channel, text: str) -> Json:
        name, _, rest = text.partition(" ")
        if name not in {each.command for each in self._space.commands}:
            known = ", ".join(each.command for each in self._space.commands)
            raise ActError("unknown_command", f"{name} is not a command; there are {known}")
        rest = payloads.escaped(self._space, rest.strip())
        form = payloads.command_form(self._space, person, channel, name, rest)
        ack = await self._courier.command(form)
        if ack.failure:
            return self._failed(ack, person, channel, name)
        if not ack.body:
            return _outcome(ack)
        body = ack.json() or {"text": ack.body.decode(errors="replace")}
        return self._shown(ack, person, channel, name, body)

    def _shown(self, ack: Ack, person: Person, channel: Channel, name: str, body: Json) -> Json:
        try:
            responses.show(self._space, person.id, channel.id, body)
        except SlackError as error:
            return self._refused(ack, person, channel, name, error)
        return _outcome(ack)

    def _refused(
        self, ack: Ack, person: Person, channel: Channel, name: str, error: SlackError
    ) -> Json:
        self._complain(person, channel, name, "invalid_command_response")
        hint = f"the acknowledgement can't be shown: {error.error} {error.extra or ''}"
        return {**_outcome(ack), "ok": False, "error": "invalid_command_response", "hint": hint}

    async def _message_events(self, person: Person, channel: Channel, message: Message) -> None:
        wanted = "message.im" if channel.is_im else "message.channels"
        event: Json = {
            "user": person.id,
            "team": person.team_id,
            "channel": channel.id,
            "text": message.text,
            "ts": message.ts,
            "event_ts": message.ts,
        }
        if message.thread_ts:
            event["thread_ts"] = message.thread_ts
        if wanted in self._space.events:
            kind = "im" if channel.is_im else "channel"
            await self._event(event | {"type": "message", "channel_type": kind})
        mentioned = f"<@{self._space.bot_user_id}" in message.text
        if mentioned and "app_mention" in self._space.events:
            await self._event(event | {"type": "app_mention"})

    # -- clicking ----------------------------------------------------------------------------

    async def click_message(self, person: Person, channel: Channel, ts: str, pick: Pick) -> Json:
        """Use an element of a message."""
        self._present(person, channel)
        message = self._space.message(channel.id, ts)
        seen = message_object(self._space, message)
        return await self._click_in_channel(person, channel, message, seen, pick)

    async def click_ephemeral(self, person: Person, ephemeral_id: int, pick: Pick) -> Json:
        """Use an element of a message that this person alone sees."""
        for shown in self._space.ephemerals:
            if shown.id == ephemeral_id and shown.person == person.id:
                channel = self._space.channel(shown.channel)
                self._present(person, channel)
                return await self._click_in_channel(person, channel, shown, {}, pick)
        raise ActError("message_not_found", f"{person.name} sees no such message")

    async def _click_in_channel(
        self,
        person: Person,
        channel: Channel,
        source: Message | Ephemeral,
        seen: Json,
        pick: Pick,
    ) -> Json:
        block, element = find_element(source.blocks, pick)
        values = forms.values_of(source.blocks)
        entry = _chosen(element, pick)
        if entry is not None and element["type"] in forms.KEYS:
            values[block["block_id"]][element["action_id"]] = entry
        action = payloads.action_of(block, element, entry, self._space.new_ts())
        payload = payloads.message_click(self._space, person, channel, source, seen, action, values)
        ack = await self._courier.interaction(payload)
        if ack.failure:
            return self._failed(ack, person, channel, pick.action_id)
        return _outcome(ack)

    async def choose(self, person: Person, channel: Channel, ts: str, callback_id: str) -> Json:
        """Choose an entry of the app in the menu of a message."""
        self._present(person, channel)
        known = [each.callback_id for each in self._space.shortcuts]
        if callback_id not in known:
            raise ActError("unknown_shortcut", f"the menu of messages has {', '.join(known)}")
        seen = message_object(self._space, self._space.message(channel.id, ts))
        payload = payloads.message_action(self._space, person, channel, seen, callback_id)
        ack = await self._courier.interaction(payload)
        if ack.failure:
            return self._failed(ack, person, channel, callback_id)
        return _outcome(ack)

    async def click_view(self, person: Person, view_id: str, pick: Pick) -> Json:
        """Use an element of a modal or the Home tab."""
        shown = self._view(person, view_id)
        block, element = find_element(shown.data["blocks"], pick)
        if block["type"] == "input" and not block.get("dispatch_action", False):
            raise ActError("not_dispatched", "this input is sent with the form, not by itself")
        entry = _chosen(element, pick)
        if entry is not None and element["type"] in forms.KEYS:
            shown.data["state"]["values"][block["block_id"]][element["action_id"]] = entry
            self._space.changed()
        action = payloads.action_of(block, element, entry, self._space.new_ts())
        seen = views.sent(shown)
        payload = payloads.view_click(self._space, person, shown, seen, action)
        ack = await self._courier.interaction(payload)
        return _trouble(ack) if ack.failure else _outcome(ack)

    # -- forms -------------------------------------------------------------------------------

    async def submit(self, person: Person, given: Json) -> Json:
        """Fill in and submit the person's top modal."""
        shown = self._top(person)
        if not shown.data["submit"]:
            raise ActError("no_submit", "this modal has no submit button")
        blocks, state = shown.data["blocks"], shown.data["state"]
        state["values"], shown.errors = forms.fill_in(blocks, state["values"], given)
        self._space.changed()
        if shown.errors:
            hint = "; ".join(f"{name}: {text}" for name, text in shown.errors.items())
            raise ActError("incomplete_form", hint)
        seen = views.sent(shown)
        ack = await self._courier.interaction(payloads.view_submission(self._space, person, seen))
        if ack.failure:
            return _trouble(ack)
        try:
            self._answer_submission(shown, ack)
        except SlackError as error:
            hint = f"the acknowledgement can't be carried out: {error.error} {error.extra or ''}"
            return {**_outcome(ack), "ok": False, "error": "invalid_view_response", "hint": hint}
        return _outcome(ack)

    def _answer_submission(self, shown: View, ack: Ack) -> None:
        if not ack.body:
            views.close(self._space, shown)
            return
        body = ack.json()
        if body is None:
            raise SlackError("not_json")
        match body.get("response_action"):
            case None if not body:
                views.close(self._space, shown)
            case "clear":
                views.clear(self._space, shown.owner)
            case "errors":
                self._show_errors(shown, body.get("errors"))
            case "update":
                views.replace(self._space, shown, checked_view(body.get("view"), "modal"))
            case "push":
                views.push(self._space, shown.owner, checked_view(body.get("view"), "modal"))
            case other:
                raise SlackError("unknown_response_action", given=other)

    def _show_errors(self, shown: View, errors: object) -> None:
        inputs = {b["block_id"] for b in shown.data["blocks"] if b["type"] == "input"}
        if not isinstance(errors, dict) or not errors or not inputs.issuperset(errors):
            raise SlackError("invalid_errors", errors=errors, inputs=sorted(inputs))
        shown.errors = {str(block): str(text) for block, text in errors.items()}
        self._space.changed()

    async def close(self, person: Person) -> Json:
        """Close the person's top modal; the bot hears of it if it asked to."""
        shown = self._top(person)
        if shown.data["clear_on_close"]:
            views.clear(self._space, person.id)
        else:
            views.close(self._space, shown)
        if not shown.data["notify_on_close"]:
            return {"ok": True}
        payload = payloads.view_closed(self._space, person, views.sent(shown))
        ack = await self._courier.interaction(payload)
        return _trouble(ack) if ack.failure else _outcome(ack)

    # -- events ------------------------------------------------------------------------------

    async def open_home(self, person: Person) -> Json:
        """Open the app's Home tab."""
        self._active(person)
        channel = self._space.direct_message(person.id)
        event: Json = {
            "type": "app_home_opened",
            "user": person.id,
            "channel": channel.id,
            "event_ts": self._space.new_ts(),
            "tab": "home",
        }
        home = self._space.homes.get(person.id)
        if home is not None:
            event["view"] = views.sent(home)
        if "app_home_opened" not in self._space.events:
            raise ActError("not_subscribed", "the app does not listen to app_home_opened")
        return await self._event(event)

    async def _event(self, event: Json) -> Json:
        ack = await self._courier.event(payloads.event_callback(self._space, event))
        return _trouble(ack) if ack.failure else _outcome(ack)

    # -- who may do what ---------------------------------------------------------------------

    def _active(self, person: Person) -> None:
        if person.kind == "deactivated":
            raise ActError("account_inactive", f"{person.name} can't sign in any more")

    def _present(self, person: Person, channel: Channel) -> None:
        self._active(person)
        if person.id not in channel.members:
            raise ActError("not_in_channel", f"{person.name} is not in {channel.name}")

    def _top(self, person: Person) -> View:
        self._active(person)
        shown = views.top(self._space, person.id)
        if shown is None:
            raise ActError("no_modal", f"{person.name} has no modal open")
        return shown

    def _view(self, person: Person, view_id: str) -> View:
        self._active(person)
        for view in views.all_views(self._space):
            if view.data["id"] == view_id and view.owner == person.id:
                return view
        raise ActError("view_not_found", f"{person.name} sees no such view")

    # -- what the person sees when it fails --------------------------------------------------

    def _failed(self, ack: Ack, person: Person, channel: Channel, what: str) -> Json:
        answer = _trouble(ack)
        self._complain(person, channel, what, answer["error"])
        return answer

    def _complain(self, person: Person, channel: Channel, what: str, error: str) -> None:
        text = f'{what} failed with the error "{error}"'
        self._space.whisper(person.id, channel.id, text, [])


def find_element(blocks: list[Json], pick: Pick) -> tuple[Json, Json]:
    """The block and the element that a pick names; raises ActError unless there is exactly one."""
    found = [
        (block, element)
        for block in blocks
        for _, element in elements_of(block)
        if is_interactive(element)
        and element["action_id"] == pick.action_id
        and pick.value in (None, element.get("value"))
    ]
    if not found:
        raise ActError("no_such_action", f"there is nothing to click named {pick.action_id!r}")
    if len(found) > 1:
        values = ", ".join(str(element.get("value")) for _, element in found)
        raise ActError("ambiguous_action", f"say which one by its value: {values}")
    return found[0]


def _chosen(element: Json, pick: Pick) -> Json | None:
    if element["type"] == "button":
        return None
    try:
        return forms.filled(element, pick.choice)
    except forms.FormError as error:
        raise ActError("invalid_choice", str(error)) from error


def _outcome(ack: Ack) -> Json:
    return {"ok": True, "status": ack.status, "ack_ms": ack.ms, "body": ack.shown()}


def _trouble(ack: Ack) -> Json:
    if ack.failure == "http_timeout":
        hint = "the bot did not answer within 3 s"
        return {"ok": False, "error": "operation_timeout", "hint": hint}
    hint = f"the bot answered with status {ack.status}" if ack.status else "nobody answers there"
    return {"ok": False, "error": "dispatch_failed", "status": ack.status, "hint": hint}
