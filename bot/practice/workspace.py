"""The state of a practice workspace: what a real Slack would remember, and its rules.

Nothing here talks to the network or reads a clock by itself: the present instant comes from the
`now` that the workspace is built with, ids from a counter, so a test can replay an afternoon.
Every broken rule is a `SlackError` that carries Slack's own word for it.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.practice import cast
from bot.practice.cast import Channel, Command, Json, Person

TRIGGER_LIFE = timedelta(seconds=3)
RESPONSE_URL_LIFE = timedelta(minutes=30)
RESPONSE_URL_USES = 5
CALLS_KEPT = 200

# Everything that the bot may use; a test that wants less builds the workspace with less.
ALL_SCOPES = frozenset(
    {
        "commands",
        "chat:write",
        "users:read",
        "users:read.email",
        "usergroups:read",
        "im:write",
        "channels:read",
        "channels:history",
        "groups:read",
        "groups:history",
        "im:history",
        "files:write",
    }
)


class SlackError(Exception):
    """Slack refuses. `error` is its word (for example `channel_not_found`), `extra` goes along."""

    def __init__(self, error: str, **extra: object) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra


@dataclass
class Message:
    """A message in a channel. `thread_ts` is the parent's ts on replies, "" on top."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str = ""
    broadcast: bool = False
    metadata: Json | None = None
    edited_ts: str = ""
    unfurl_links: bool = True
    unfurl_media: bool = True
    files: list[Json] = field(default_factory=list)


@dataclass
class Ephemeral:
    """What one person alone sees, until they reload."""

    id: int
    person: str
    channel: str
    ts: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str = ""


@dataclass
class View:
    """A modal or Home tab as Slack holds it; `errors` is what the last submission was told."""

    owner: str
    data: Json
    errors: dict[str, str] = field(default_factory=dict)


@dataclass
class Trigger:
    """A trigger_id: good for one view, for three seconds."""

    person: str
    at: datetime
    used: bool = False


@dataclass
class ResponseUrl:
    """A response_url; `message_ts` or `ephemeral_id` names the message it came from, if any."""

    person: str
    channel: str
    at: datetime
    message_ts: str = ""
    ephemeral_id: int = 0
    uses: int = 0


@dataclass
class Fault:
    """Something that goes wrong `times` more times. `retry_after` in seconds, for 429."""

    method: str
    kind: str
    times: int
    retry_after: int = 1


@dataclass
class Workspace:
    """A Slack workspace with one app installed.

    now: the present instant, aware, UTC.
    token: the bot token that the Web API accepts.
    scopes: what the app was granted.
    base_url: where this stand-in is reached, without a trailing slash; response_urls, upload URLs
        and permalinks start with it.
    events: the event types that the app subscribes to.
    app_token, socket_url: for Socket Mode: the app-level token, and where sockets are opened.
    """

    now: Callable[[], datetime]
    token: str
    scopes: frozenset[str] = ALL_SCOPES
    base_url: str = "http://127.0.0.1:8800"
    app_token: str = ""
    socket_url: str = ""
    tickets: set[str] = field(default_factory=set)
    team_id: str = cast.HOME_TEAM
    team_name: str = "Practice"
    bot_user_id: str = "U0BOT"
    bot_id: str = "B0BOT"
    bot_name: str = "Countersign"
    app_id: str = "A0PRACTICE"
    verification: str = "practice"
    commands: tuple[Command, ...] = ()
    events: frozenset[str] = frozenset({"app_home_opened"})
    people: dict[str, Person] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    messages: dict[str, list[Message]] = field(default_factory=dict)
    ephemerals: list[Ephemeral] = field(default_factory=list)
    modals: dict[str, list[View]] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    uploads: dict[str, Json] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: deque[Json] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))
    listeners: set[Callable[[], None]] = field(default_factory=set)
    rate_limited: bool = False
    revision: int = 0
    _ids: int = 0
    _second: int = 0
    _tick: int = 0

    @classmethod
    def practice(
        cls,
        now: Callable[[], datetime],
        token: str,
        *,
        scopes: frozenset[str] = ALL_SCOPES,
        base_url: str = "http://127.0.0.1:8800",
        events: Iterable[str] = ("app_home_opened",),
    ) -> "Workspace":
        """The default workspace: six people, four channels, one user group (S0OPS: grace)."""
        space = cls(now, token, scopes, base_url, events=frozenset(events))
        space.seed()
        return space

    def seed(self) -> None:
        """Put the default cast on the stage."""
        people = cast.default_people()
        members = {person.id for person in people}
        bot = Person(self.bot_user_id, "countersign", self.bot_name, "", "#333333", is_bot=True)
        self.people = {person.id: person for person in [*people, bot]}
        channels = cast.default_channels(members, self.bot_user_id)
        self.channels = {channel.id: channel for channel in channels}
        self.groups = {"S0OPS": ["U0GRACE"]}
        self.commands = cast.default_commands()
        self.shortcuts = cast.default_shortcuts()

    def reset(self) -> None:
        """Forget what happened and start over with the default cast; ids and time go on."""
        for kept in (self.messages, self.modals, self.homes, self.triggers, self.response_urls):
            kept.clear()
        self.uploads.clear()
        self.ephemerals.clear()
        self.faults.clear()
        self.calls.clear()
        self.rate_limited = False
        self.seed()
        self.changed()

    # -- time, ids, changes ------------------------------------------------------------------

    def changed(self) -> None:
        """Count a change and wake whoever watches."""
        self.revision += 1
        for listener in tuple(self.listeners):
            listener()

    def new_id(self, prefix: str) -> str:
        """A fresh id such as V00000012."""
        self._ids += 1
        return f"{prefix}{self._ids:08d}"

    def new_ts(self) -> str:
        """A message timestamp, always greater than every one before it."""
        second = int(self.now().timestamp())
        if second > self._second:
            self._second, self._tick = second, 0
        self._tick += 1
        return f"{self._second}.{self._tick * 100:06d}"

    # -- look-ups ----------------------------------------------------------------------------

    def person(self, user_id: str) -> Person:
        """The account; raises `user_not_found`."""
        if user_id not in self.people:
            raise SlackError("user_not_found")
        return self.people[user_id]

    def channel(self, channel_id: str) -> Channel:
        """The conversation; raises `channel_not_found`."""
        if channel_id not in self.channels:
            raise SlackError("channel_not_found")
        return self.channels[channel_id]

    def message(self, channel_id: str, ts: str) -> Message:
        """The message; raises `channel_not_found`, `message_not_found`."""
        self.channel(channel_id)
        for message in self.messages.get(channel_id, ()):
            if message.ts == ts:
                return message
        raise SlackError("message_not_found")

    def replies(self, parent: Message) -> list[Message]:
        """The messages in a thread, oldest first."""
        return [m for m in self.messages[parent.channel] if m.thread_ts == parent.ts]

    # -- writing -----------------------------------------------------------------------------

    def direct_message(self, user_id: str) -> Channel:
        """The conversation between a person and the bot, made when there is none."""
        person = self.person(user_id)
        if person.kind == "deactivated":
            raise SlackError("user_disabled")
        channel_id = "D" + user_id[1:]
        if channel_id not in self.channels:
            members = {user_id, self.bot_user_id}
            self.channels[channel_id] = Channel(
                channel_id, person.name, members, is_im=True, is_private=True, user=user_id
            )
            self.changed()
        return self.channels[channel_id]

    def writable(self, channel_id: str, author: str) -> Channel:
        """The conversation, if `author` may post in it.

        Raises `channel_not_found`, `is_archived`, `not_in_channel`.
        """
        channel = self.channel(channel_id)
        if channel.is_archived:
            raise SlackError("is_archived")
        public = author == self.bot_user_id and "chat:write.public" in self.scopes
        if author not in channel.members and (channel.is_private or not public):
            raise SlackError("not_in_channel")
        return channel

    def add(self, message: Message) -> Message:
        """Put a message into its channel; raises `thread_not_found` for a reply to nothing."""
        kept = self.messages.setdefault(message.channel, [])
        tops = {m.ts for m in kept if not m.thread_ts}
        if message.thread_ts and message.thread_ts not in tops:
            raise SlackError("thread_not_found")
        kept.append(message)
        self.changed()
        return message

    def remove(self, message: Message) -> None:
        """Delete a message."""
        self.messages[message.channel].remove(message)
        self.changed()

    def whisper(
        self, person: str, channel: str, text: str, blocks: list[Json], thread_ts: str = ""
    ) -> Ephemeral:
        """Show something to one person only."""
        self._ids += 1
        shown = Ephemeral(self._ids, person, channel, self.new_ts(), text, blocks, thread_ts)
        self.ephemerals.append(shown)
        self.changed()
        return shown

    # -- triggers, response_urls, faults -----------------------------------------------------

    def new_trigger(self, person: str) -> str:
        """A trigger_id for what a person just did."""
        key = f"{self.new_id('')}.{self.team_id}.practice"
        self.triggers[key] = Trigger(person, self.now())
        return key

    def use_trigger(self, key: str) -> str:
        """Spend a trigger_id; answers whose it was.

        Raises `invalid_trigger_id`, `exchanged_trigger_id`, `expired_trigger_id`.
        """
        trigger = self.triggers.get(key)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self.now() - trigger.at > TRIGGER_LIFE:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger.person

    def new_response_url(
        self, person: str, channel: str, message_ts: str = "", ephemeral_id: int = 0
    ) -> str:
        """A response_url for what a person just did."""
        key = self.new_id("R")
        self.response_urls[key] = ResponseUrl(person, channel, self.now(), message_ts, ephemeral_id)
        return f"{self.base_url}/response/{key}"

    def use_response_url(self, key: str) -> ResponseUrl:
        """Spend one use; raises `invalid_url`, `expired_url`, `used_url`."""
        found = self.response_urls.get(key)
        if found is None:
            raise SlackError("invalid_url")
        if self.now() - found.at > RESPONSE_URL_LIFE:
            raise SlackError("expired_url")
        if found.uses >= RESPONSE_URL_USES:
            raise SlackError("used_url")
        found.uses += 1
        return found

    def add_fault(self, method: str, kind: str, times: int = 1, retry_after: int = 1) -> None:
        """Let the next `times` calls (or deliveries) of `method` ("*": any) go wrong."""
        self.faults.append(Fault(method, kind, times, retry_after))

    def take_fault(self, method: str, *, delivery: bool = False) -> Fault | None:
        """The fault that applies to this call or delivery; spends one of its times."""
        for fault in self.faults:
            duplicate = fault.kind == "duplicate_delivery"
            if fault.method in (method, "*") and duplicate is delivery:
                fault.times -= 1
                self.faults = [kept for kept in self.faults if kept.times > 0]
                return fault
        return None

    def record_call(self, method: str, status: int, error: str = "") -> None:
        """Keep a Web API call for those who look at /practice/state."""
        call: Json = {"method": method, "status": status, "at": self.now().timestamp()}
        if error:
            call["error"] = error
        self.calls.append(call)
        self.changed()
