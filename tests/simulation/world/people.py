"""People at their screens: they see what the workspace shows, and press what is there.

Some of them may sign and some may not and try. They forget, press twice, press what they saw a
while ago, and press again when nothing seems to come of it.
"""

import asyncio
import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.domain.policy import decode
from bot.practice.deliveries import ActError, Pick, find_element
from bot.practice.workspace import Message, SlackError

if TYPE_CHECKING:
    from tests.simulation.world.world import SimWorld

PEOPLE = {
    "U0MARY": "mary",
    "U0ADA": "ada",
    "U0ADA2": "ada",
    "U0GRACE": "grace",
    "U0ALAN": "alan",
}
"""Whose account is whose; everybody else is nobody here."""

READING = 30.0
"""Seconds for which people read a question that has changed."""

REQUESTER = "U0MARY"
SIGNERS = ("U0ADA", "U0GRACE", "U0ALAN")
INTRUDERS = ("U0MARY", "U0ADA2", "U0GUS", "U0EVE", "U0NEW")


@dataclass(frozen=True)
class Pressed:
    """A button that somebody pressed. at: seconds; digest: as the button carried it."""

    at: float
    user_id: str
    action: str
    rollout: str
    digest: str
    generation: int


@dataclass
class Deeds:
    """What people did, as they would tell it themselves."""

    pressed: list[Pressed] = field(default_factory=list)
    rollback_asked: dict[str, float] = field(default_factory=dict)
    left: tuple[float, float] | None = None


class Crowd:
    """Everybody. Each habit is a coroutine of its own."""

    def __init__(self, world: "SimWorld") -> None:
        self.world = world
        self.chance = world.chance.people
        self.deeds = Deeds()
        self._old: dict[str, Message] = {}

    def habits(self) -> list[Any]:
        """What they all do today, drawn for this seed."""
        chance = self.chance
        who = list(SIGNERS)
        chance.shuffle(who)
        together = chance.random() < 0.4
        at = chance.uniform(2, 20)
        habits: list[Any] = [self._ask()]
        for number, user_id in enumerate(who):
            later = at if together else at + chance.uniform(0, 12) * number
            habits.append(self._signs(user_id, later))
        habits += [
            self._signs(user_id, chance.uniform(1, 8), tries=2)
            for user_id in INTRUDERS
            if chance.random() < 0.5
        ]
        if chance.random() < 0.35:
            habits.append(self._rolls_back(chance.uniform(0, 60)))
        if chance.random() < 0.2:
            habits.append(self._pauses(chance.uniform(0, 50)))
        if chance.random() < 0.3:
            habits.append(self._presses_an_old_button())
        if chance.random() < 0.15:
            habits.append(self._leaves())
        return habits

    # --- what they see ------------------------------------------------------------------------

    def cards(self) -> list[Message]:
        """The cards of all rollouts, oldest first; the newest of several copies."""
        found: dict[str, Message] = {}
        for message in sorted(self.world.posted(), key=lambda each: each.ts):
            key = key_of(message)
            if key.startswith("card:rollout:") and ":moved" not in key:
                found[key] = message
        return list(found.values())

    def card_about(self, version: str) -> Message | None:
        """The newest card that names this version."""
        found = [card for card in self.cards() if version in card.text]
        return found[-1] if found else None

    # --- what they do -------------------------------------------------------------------------

    async def say(self, user_id: str, text: str) -> bool:
        """Type a line; whether Slack says that it was taken."""
        space = self.world.space
        person, channel = space.people[user_id], space.channels["C0CHECKOUT"]
        self.world.trace.say(person.name, text)
        answer = await self.world.standin.deliveries.say(person, channel, text)
        return bool(answer["ok"])

    async def press(self, user_id: str, action: str, card: Message) -> bool:
        """Press a button of a card as it was seen; whether Slack says that it was taken."""
        space = self.world.space
        person = space.people[user_id]
        try:
            _, element = find_element(card.blocks, Pick(action))
        except ActError:
            return False
        value = decode(element["value"])
        self.world.trace.say(person.name, f"presses {action} on {card.text[:60]!r}")
        self.deeds.pressed.append(
            Pressed(
                self.world.seconds(), user_id, action,
                value.rollout_id, value.digest, value.generation,
            )
        )  # fmt: skip
        try:
            answer = await self._click(user_id, action, card)
        except (ActError, SlackError):
            return False
        return bool(answer["ok"])

    async def _click(self, user_id: str, action: str, card: Message) -> Any:
        space, deliveries = self.world.space, self.world.standin.deliveries
        person, channel = space.people[user_id], space.channels[card.channel]
        there = space.message(card.channel, card.ts)
        now, there.blocks = there.blocks, copy.deepcopy(card.blocks)
        going = asyncio.ensure_future(
            deliveries.click_message(person, channel, card.ts, Pick(action))
        )
        await asyncio.sleep(0)
        there.blocks = now
        return await going

    # --- habits -------------------------------------------------------------------------------

    async def _ask(self) -> None:
        """Mary wants two versions out, one after the other."""
        await asyncio.sleep(1)
        for version in self.world.agenda:
            plan = self.world.plan
            while self.card_about(version) is None:
                await self.say(REQUESTER, f"/release start {version} --plan {plan}")
                await asyncio.sleep(15)
            while not self.world.over(version):
                await asyncio.sleep(3)
            if self.world.went_back(version):
                await self._try_again(version)

    async def _try_again(self, version: str) -> None:
        """What was taken back is in quarantine; Mary tries all the same."""
        await asyncio.sleep(3)
        if self.chance.random() < 0.6:
            await self.say(REQUESTER, f"/release start {version} --plan {self.world.plan}")
            await asyncio.sleep(15)

    async def _signs(self, user_id: str, after: float, tries: int = 1000) -> None:
        """Press Approve wherever it is to be seen, and again where nothing came of it."""
        await asyncio.sleep(after)
        signed: dict[str, int] = {}
        seen: dict[str, float] = {}
        while tries:
            for card in self.cards():
                number = signed.get(self._approves(card), 0)
                if not self._approves(card) or number > 6:
                    continue
                first = seen.setdefault(self._approves(card), self.world.seconds())
                changed = decode(self._approves(card)).generation > 1
                if changed and self.world.seconds() < first + READING:
                    continue
                signed[self._approves(card)] = number + 1
                tries -= 1
                await self.press(user_id, "approve", card)
                if self.chance.random() < 0.15:
                    await self.press(user_id, "approve", card)
            await self._look_away(5 if tries < 100 else 9)

    def _approves(self, card: Message) -> str:
        """What the Approve of a card is about, "" without one."""
        try:
            return str(find_element(card.blocks, Pick("approve"))[1]["value"])
        except ActError:
            return ""

    async def _look_away(self, seconds: float) -> None:
        await asyncio.sleep(self.chance.uniform(seconds / 2, seconds))

    async def _until(self, seen: Callable[[Message], bool]) -> Message:
        while True:
            found = [card for card in self.cards() if seen(card)]
            if found:
                return found[-1]
            await asyncio.sleep(2)

    async def _rolls_back(self, after: float) -> None:
        """Somebody has had enough."""
        await self._until(lambda card: offers(card, "rollback"))
        await asyncio.sleep(after)
        card = await self._until(lambda card: offers(card, "rollback"))
        user_id = self.chance.choice(SIGNERS)
        for _ in range(20):
            if await self.press(user_id, "rollback", card):
                rollout = decode(find_element(card.blocks, Pick("rollback"))[1]["value"]).rollout_id
                self.deeds.rollback_asked.setdefault(rollout, self.world.seconds())
                return
            await self._look_away(4)

    def grow_impatient(self) -> None:
        """A change of traffic is held up; that is when people press things."""
        if self.chance.random() < 0.4:
            self.world.spawn(self._rolls_back(self.chance.uniform(0.5, 5)))

    async def _pauses(self, after: float) -> None:
        """Somebody holds it for a while."""
        await self._until(lambda card: offers(card, "pause"))
        await asyncio.sleep(after)
        user_id = self.chance.choice(SIGNERS)
        await self.press(user_id, "pause", await self._until(lambda card: offers(card, "pause")))
        await self._look_away(20)
        card = self.cards()[-1]
        if offers(card, "resume"):
            await self.press(user_id, "resume", card)

    async def _presses_an_old_button(self) -> None:
        """The question changes while somebody looks at the old one, and presses that."""
        card = copy.deepcopy(await self._until(lambda card: offers(card, "approve")))
        await self._look_away(3)
        self.world.retag()
        for user_id in ("U0ADA", "U0GRACE"):
            await self._look_away(6)
            await self.press(user_id, "approve", card)
        await self._until(lambda now: self._approves(now) not in ("", self._approves(card)))
        for user_id in ("U0ADA", "U0GRACE", "U0ALAN"):
            await self.press(user_id, "approve", card)

    async def _leaves(self) -> None:
        """Grace is no longer of the operations, for a while."""
        await self._look_away(20)
        kept, self.world.space.groups["S0OPS"] = self.world.space.groups["S0OPS"], []
        away = self.chance.uniform(10, 60)
        self.deeds.left = (self.world.seconds(), self.world.seconds() + away)
        self.world.trace.say("admin", "takes grace out of the operations")
        await asyncio.sleep(away)
        self.world.space.groups["S0OPS"] = kept
        self.world.trace.say("admin", "puts grace back into the operations")

    async def tidy_up(self) -> None:
        """What waits for a person gets one, who reads what it says and takes it back."""
        while True:
            for card in self.cards():
                for action in ("advance", "rollback", "cancel"):
                    if offers(card, action) and await self.press("U0ALAN", action, card):
                        break
            await asyncio.sleep(20)


def offers(card: Message, action: str) -> bool:
    """Whether there is such a button on it."""
    try:
        find_element(card.blocks, Pick(action))
    except ActError:
        return False
    return True


def key_of(message: Message) -> str:
    """What the bot calls a message of its own; "" for anybody else's."""
    payload = (message.metadata or {}).get("event_payload") or {}
    return str(payload.get("key") or "")
