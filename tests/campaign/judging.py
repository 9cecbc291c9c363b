"""What must be true of a release, whatever was done to the bots: judged from outside, by values.

The deployer's ledger says what really happened, the database what the bot believes and who asked
for it, the chat what people were told.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.campaign.ledger import Effect

WORDS: Mapping[str, str] = {
    "completed": "complete",
    "rolled_back": "rolled back",
    "cancelled": "cancelled",
    "rejected": "rejected",
    "expired": "expired",
}
"""How a release may end, and the word for it on its card."""

_CLOCK = 0.01
"""Seconds by which two readings of the clock may differ from a whole soak."""


@dataclass(frozen=True)
class Entry:
    """An entry of the audit. event: its type. revision: of the rollout after it."""

    revision: int
    event: str
    before: str
    after: str


@dataclass(frozen=True)
class Told:
    """One release, as it was when all was over. course: what people meant to do about it.

    previous: what ran before. signers: whose signatures are kept. planned: the keys of the changes
    that the database knows. cards: the texts of its cards.
    """

    id: str
    service: str
    version: str
    previous: str
    phase: str
    ended: bool
    course: str
    requester: str
    signers: Sequence[str]
    entries: Sequence[Entry]
    effects: Sequence[Effect]
    planned: frozenset[str]
    cards: Sequence[str]


@dataclass
class Walk:
    """Where a release stands, while its effects are gone through in their order."""

    soaks: Mapping[float, float]
    weight: float = 0.0
    since: float = 0.0
    done: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    duplicates: int = 0

    @property
    def waves(self) -> list[float]:
        return [0.0, *self.soaks]

    def step(self, effect: Effect) -> None:
        """One more effect."""
        if "rollback" in self.done and effect.operation != "rollback":
            self.problems.append(f"{effect.text} after the rollback")
        match effect.operation:
            case "prepare":
                # What a rollback needs first has a key of its own.
                self._once("prepare again" if effect.key.endswith(":prepare") else "prepare")
            case "shift":
                self._shift(effect)
            case "promote":
                self._soaked(effect)
                self._once("promote")
                if self.weight != max(self.soaks):
                    self.problems.append(f"promoted at {self.weight:g} %")
            case "retire":
                self._once("retire")
                if "promote" not in self.done:
                    self.problems.append("retired before it was promoted")
            case "rollback":
                self._once("rollback")
                self.weight = 0.0
            case other:
                self.problems.append(f"{other} is unheard of")

    def _once(self, what: str) -> None:
        if what in self.done:
            self.duplicates += 1
            self.problems.append(f"{what} twice")
        self.done.add(what)

    def _shift(self, effect: Effect) -> None:
        to, waves = effect.weight, self.waves
        if "prepare" not in self.done:
            self.problems.append("traffic before it was prepared")
        if to == self.weight:
            self.duplicates += 1
            self.problems.append(f"{effect.text} twice")
        elif to not in waves or abs(waves.index(to) - waves.index(self.weight)) != 1:
            self.problems.append(f"{effect.text} from {self.weight:g} %")
        elif to > self.weight:
            self._soaked(effect)
        self.weight, self.since = to or 0.0, effect.at

    def _soaked(self, effect: Effect) -> None:
        soak, took = self.soaks.get(self.weight, 0.0), effect.at - self.since
        if took < soak - _CLOCK:
            self.problems.append(f"{effect.text} after a soak of {took:.2f} s instead of {soak:g}")


def walked(told: Told, soaks: Mapping[float, float]) -> Walk:
    """All effects of a release gone through. soaks: percent to seconds, in order."""
    walk = Walk(soaks)
    for effect in told.effects:
        walk.step(effect)
    return walk


def problems(told: Told, soaks: Mapping[float, float]) -> list[str]:
    """Everything about a release that must not be; empty when all is well."""
    walk = walked(told, soaks)
    return [*walk.problems, *_beginning(told), *_going_back(told), *_end(told, walk), *_card(told)]


def _beginning(told: Told) -> Iterator[str]:
    for effect in told.effects:
        if effect.key not in told.planned:
            yield f"{effect.text} without an intent in the database"
    for key, count in Counter(effect.key for effect in told.effects).items():
        if count > 1:
            yield f"{key} took effect {count} times"
    if any(effect.operation == "shift" for effect in told.effects):
        people = set(told.signers) - {told.requester}
        if len(people) < 2:
            yield f"traffic moved on the word of {sorted(people)}"


def _going_back(told: Told) -> Iterator[str]:
    """Nothing that was decided after a rollback was asked for raises traffic."""
    asked = [entry.revision for entry in told.entries if _asks_back(entry)]
    if not asked:
        return
    weight = 0.0
    for effect in told.effects:
        if effect.operation != "shift":
            continue
        if (effect.weight or 0.0) > weight and _revision(effect.key) > min(asked):
            yield f"{effect.text} was decided after the rollback was asked for"
        weight = effect.weight or 0.0


def _asks_back(entry: Entry) -> bool:
    return entry.event == "RollbackRequested" or entry.after == "rolling_back"


def _revision(key: str) -> int:
    return int(key.split(":")[2])


def _end(told: Told, walk: Walk) -> Iterator[str]:
    if not told.ended:
        yield f"never ended: it is {told.phase}"
    elif told.phase not in WORDS:
        yield f"ended as {told.phase}"
    if told.phase == "completed":
        if told.course == "broken":
            yield "completed although most requests failed"
        if not {"prepare", "promote", "retire"} <= walk.done:
            yield f"completed with {sorted(walk.done)} alone"
    touched = any(effect.operation == "shift" for effect in told.effects)
    if told.phase == "rolled_back" and touched and "rollback" not in walk.done:
        yield "said to be rolled back, and was not"
    if told.phase not in {"completed", "rolled_back"} and touched:
        yield f"{told.phase} although traffic had moved"


def _card(told: Told) -> Iterator[str]:
    if len(told.cards) != 1:
        yield f"has {len(told.cards)} cards"
    for text in told.cards[-1:]:
        word = WORDS.get(told.phase, told.phase)
        if word not in text.lower():
            yield f"is {told.phase}, which its card does not say: {text[:80]!r}"
