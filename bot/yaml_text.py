"""YAML as plain data, strictly: what could mean two things is refused with what to write instead.

PyYAML cuts the text into events. What a bare word stands for is decided here by the core schema of
YAML 1.2, and the words that YAML 1.1 would read differently (`on`, `17:00`, `010`) are refused,
because people and editors disagree about them.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from bot.domain.documents import DocumentError, Path

DEEPEST = 40
"""Levels of a file; more is no configuration."""

LARGEST = 50_000
"""Values of a file, every `*alias` counted in full."""

_BREAK = re.compile(r"\r\n|\r|\n")
_ODD_BREAK = re.compile("[\x85\u2028\u2029]")
"""Line breaks to YAML 1.1 and to PyYAML, and none to YAML 1.2."""

_BOOLEANS = {"true": True, "True": True, "TRUE": True}
_BOOLEANS |= {"false": False, "False": False, "FALSE": False}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_WORDS_1_1 = frozenset({"y", "n", "yes", "no", "on", "off"})
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+|[-+]0[xob][0-9a-fA-F]+|0b[01]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CLOCK = re.compile(r"[-+]?[0-9]+(:[0-9]{1,2})+(\.[0-9]*)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_GROUPED = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?")
_LAST_ZERO = re.compile(r"[-+]?[0-9]*\.[0-9]+0")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class Mistake(NamedTuple):
    """A mistake and the line (from 1) it is on."""

    error: DocumentError
    line: int


class UnreadableError(Exception):
    """The text is not what is asked for; `mistakes` says why, at least once.

    rest: the tree around the words that can't be read (None in their places), where there is one.
    """

    def __init__(self, mistakes: list[Mistake], rest: "Tree | None" = None) -> None:
        super().__init__("; ".join(str(each.error) for each in mistakes))
        self.mistakes = mistakes
        self.rest = rest


class Tree(NamedTuple):
    """A file as data. lines: where each path begins (the line of its key), from 1."""

    data: dict[str, Any]
    lines: dict[Path, int]


class _Fatal(Exception):
    """Nothing after this can be understood."""

    def __init__(self, error: DocumentError, line: int) -> None:
        super().__init__(str(error))
        self.mistake = Mistake(error, line)


def parse(text: str) -> Tree:
    """Read one document, a map. Raises UnreadableError with everything that was found."""
    odd = _ODD_BREAK.search(text)
    if odd:
        line = len(_BREAK.findall(text, 0, odd.start())) + 1
        problem = f"there is a line break that editors don't show (U+{ord(odd[0]):04X})"
        raise UnreadableError([Mistake(DocumentError((), problem, "delete it"), line)])
    reader = _Reader(text)
    try:
        data = reader.document()
    except _Fatal as stop:
        raise UnreadableError([*reader.mistakes, stop.mistake]) from stop
    if reader.mistakes:
        raise UnreadableError(reader.mistakes, Tree(data, reader.lines))
    return Tree(data, reader.lines)


class _Anchored(NamedTuple):
    value: Any
    size: int
    lines: dict[Path, int]


class _Reader:
    """One pass over the events of a text."""

    def __init__(self, text: str) -> None:
        self.mistakes: list[Mistake] = []
        self.lines: dict[Path, int] = {}
        self._text = text
        self._places: list[Path] = []
        self._events = self._guarded()
        self._anchors: dict[str, _Anchored | None] = {}
        self._size = 0

    def document(self) -> dict[str, Any]:
        next(self._events)  # the stream begins
        if not isinstance(next(self._events), DocumentStartEvent):
            raise _Fatal(DocumentError((), "the file is empty"), 1)
        data = self._value(next(self._events), ())
        next(self._events)  # the document ends
        after = next(self._events)
        if isinstance(after, DocumentStartEvent):
            hint = "put each into a file of its own"
            raise _Fatal(DocumentError((), "there are several documents", hint), _line(after))
        if isinstance(data, dict):
            return data
        if data is None and not self.mistakes:
            raise _Fatal(DocumentError((), "the file is empty"), 1)
        hint = "write lines like `name: value`"
        raise _Fatal(DocumentError((), "the file is not a map of keys", hint), 1)

    def _guarded(self) -> Iterator[Event]:
        """The events; whatever PyYAML can't read becomes a mistake with a line."""
        try:
            yield from yaml.parse(self._text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise _Fatal(_explained(error), mark.line + 1 if mark else 1) from error
        except yaml.reader.ReaderError as error:
            line = len(_BREAK.findall(self._text, 0, error.position)) + 1
            shown = f"U+{error.character:04X}" if isinstance(error.character, int) else "?"
            problem = f"there is a character that can't be seen ({shown})"
            raise _Fatal(DocumentError((), problem, "delete it"), line) from error
        except (ValueError, OverflowError) as error:  # "\U99999999", %YAML 9…9
            problem = f"there is an escape or a directive that makes no sense ({error})"
            raise _Fatal(DocumentError((), problem), 1) from error

    def _value(self, event: Event, path: Path) -> Any:
        self._count(1, event)
        if len(path) > DEEPEST:
            raise _Fatal(DocumentError((), f"nested deeper than {DEEPEST} levels"), _line(event))
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        if not isinstance(event, NodeEvent) or event.anchor is None:
            return self._content(event, path)
        self._anchors[event.anchor] = None
        size, known = self._size, len(self._places)
        value = self._content(event, path)
        below = {place[len(path) :]: self.lines[place] for place in self._places[known:]}
        self._anchors[event.anchor] = _Anchored(value, self._size - size + 1, below)
        return value

    def _content(self, event: Event, path: Path) -> Any:
        if isinstance(event, ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, CollectionStartEvent) and event.tag is not None:
            self._say(path, f"tags like {event.tag!r} are not read", event, "leave it out")
        return self._map(path) if isinstance(event, MappingStartEvent) else self._list(path)

    def _list(self, path: Path) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            here = (*path, len(found))
            self._found(here, _line(event))
            found.append(self._value(event, here))
        return found

    def _map(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, path)
            if key is None:
                self._value(next(self._events), (*path, "?"))
                continue
            here = (*path, key)
            if key in found:
                first = self.lines[here]
                self._say(here, f"is there twice (also on line {first})", event, "keep one")
            else:
                self._found(here, _line(event))
            value = self._value(next(self._events), here)
            found.setdefault(key, value)
        return found

    def _key(self, event: Event, path: Path) -> str | None:
        """The name in front of a colon, None when it is none (which has been said then)."""
        if not isinstance(event, ScalarEvent):
            if isinstance(event, (MappingStartEvent, SequenceStartEvent)):
                self._value(event, (*path, "?"))
            self._say(path, "a key has to be a plain name", event, 'like `name:` or `"a name":`')
            return None
        text = str(event.value)
        if text == "<<" and event.style is None:
            hint = "repeat the keys, or use `extends` in a plan"
            self._say((*path, text), "merge keys are not read", event, hint)
            return None
        known = len(self.mistakes)
        value = self._scalar(event, (*path, text), key=True)
        if len(self.mistakes) > known:
            return None
        if not isinstance(value, str):
            problem = f"the key {text or 'nothing'} is {_called(value)}, not a name"
            self._say(path, problem, event, f'in quotes it is one: "{text}":')
            return None
        return value

    def _scalar(self, event: ScalarEvent, path: Path, *, key: bool = False) -> Any:
        text = str(event.value)
        if event.tag is not None:
            self._say(path, f"tags like {event.tag!r} are not read", event, "quote text instead")
            return None
        if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            self._say(path, "holds half a character (a lone surrogate)", event, "write it out")
            return None
        if event.style is not None:
            return text
        try:
            return meaning(text)
        except DocumentError as error:
            hint = f'a key is a name in quotes: "{text}":' if key else error.hint
            self._say(path, error.problem, event, hint)
            return None

    def _alias(self, event: AliasEvent, path: Path) -> Any:
        name = str(event.anchor)
        held = self._anchors.get(name)
        if held is None:
            begun = name in self._anchors
            problem = f"*{name} stands inside of itself" if begun else f"nothing is called &{name}"
            raise _Fatal(DocumentError(path, problem), _line(event))
        self._count(held.size, event)
        for below, line in held.lines.items():
            self._found((*path, *below), line)
        return held.value

    def _count(self, size: int, event: Event) -> None:
        self._size += size
        if self._size > LARGEST:
            problem = f"there are more than {LARGEST:,} values in the file"
            raise _Fatal(DocumentError((), problem), _line(event))

    def _found(self, path: Path, line: int) -> None:
        self.lines[path] = line
        self._places.append(path)

    def _say(self, path: Path, problem: str, event: Event, hint: str = "") -> None:
        self.mistakes.append(Mistake(DocumentError(path, problem, hint), _line(event)))


def meaning(text: str) -> Any:
    """What a bare word stands for. Raises DocumentError for one that has two meanings."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    _refuse_doubtful(text)
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise DocumentError((), f"{_short(text)} is too large for a number")
        return value
    return text


def _refuse_doubtful(text: str) -> None:
    quoted = f'"{_short(text)}"'
    if text.lower() in _WORDS_1_1:
        meant = "true" if text.lower() in {"y", "yes", "on"} else "false"
        hint = f"write {meant}, or {quoted} in quotes for the word"
        raise DocumentError((), f"`{text}` is a word to some readers and {meant} to others", hint)
    if _CLOCK.fullmatch(text):
        problem = f"`{_short(text)}` is a time to some readers and a number to others"
        raise DocumentError((), problem, f"write {quoted} in quotes")
    if _LAST_ZERO.fullmatch(text):
        problem = f"`{_short(text)}` loses its last zero when it is read as a number"
        raise DocumentError(
            (), problem, f"write {quoted} in quotes for text, or leave the zero out"
        )
    if _LEADING_ZERO.fullmatch(text) or _GROUPED.fullmatch(text) or _OTHER_BASE.fullmatch(text):
        problem = f"`{_short(text)}` is not the same number to all readers"
        raise DocumentError((), problem, f"write plain digits, or {quoted} in quotes for text")
    if _NOT_FINITE.fullmatch(text):
        raise DocumentError((), f"`{text}` is no number that can be used")
    if _INTEGER.fullmatch(text) and len(text) > 16:
        problem = f"{_short(text)} is too large for a number"
        raise DocumentError((), problem, "put it in quotes if it is text")


def _explained(error: yaml.MarkedYAMLError) -> DocumentError:
    problem = str(error.problem or error.context or "this is not YAML")
    problem = problem.replace("'\\x00'", "the end of the file")
    if "'\\t'" in problem or "found a tab" in problem:
        return DocumentError((), "there is a tab", "YAML is indented with spaces")
    if "'%'" in problem:
        return DocumentError((), "a value can't begin with %", 'put it in quotes: "%…"')
    if "'@'" in problem or "'`'" in problem:
        return DocumentError((), "a value can't begin with @ or `", 'put it in quotes: "@…"')
    if "mapping values are not allowed" in problem:
        hint = "put a value that holds `: ` in quotes, and check the indentation"
        return DocumentError((), "there is a second colon, or the line is indented wrongly", hint)
    if "expected <block end>" in problem or "expected ',' or" in problem:
        hint = "check the indentation, and that every bracket and quote is closed"
        return DocumentError((), problem, hint)
    return DocumentError((), problem)


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _called(value: object) -> str:
    if value is None:
        return "empty"
    return "true or false" if isinstance(value, bool) else "a number"


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:20]}…"
