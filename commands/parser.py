"""From the text behind a slash command to a value. No I/O, no knowledge of what exists.

Text comes from phones too: curly quotes are quotes, a long dash before an option is two dashes.
Characters nobody can see or that reorder what is seen are refused, not stripped: what is shown
must be what is meant.
"""

import unicodedata
from collections.abc import Sequence

import msgspec

from bot.domain.documents import nearest

LONGEST = 2000
"""Characters of a command that are read; nobody types more on purpose."""

_QUOTES = str.maketrans("\u201c\u201d\u201e\u2018\u2019", '"""\'\'')
_LONG_DASHES = ("\u2014", "\u2013")
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


class Argument(msgspec.Struct, frozen=True):
    """A word by position. rest: it takes everything that is left (a reason, a note)."""

    name: str
    help: str
    required: bool = False
    rest: bool = False


class Option(msgspec.Struct, frozen=True):
    """--name VALUE, or a mere switch.

    rest: the value runs to the next option or the end. many: it may be given several times; the
    values are joined by commas.
    """

    name: str
    help: str
    switch: bool = False
    rest: bool = False
    many: bool = False


class Grammar(msgspec.Struct, frozen=True):
    """What may follow a verb."""

    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()

    @property
    def usage(self) -> str:
        """As help shows it: VERSION [service] [--env ENV]."""
        words = [_argument_usage(argument) for argument in self.arguments]
        words += [_option_usage(option) for option in self.options]
        return " ".join(words)


class Parsed(msgspec.Struct, frozen=True):
    """The words of a command by name; what was not given is missing."""

    words: dict[str, str]
    switches: frozenset[str] = frozenset()

    def get(self, name: str) -> str:
        """The word, "" when it was not given."""
        return self.words.get(name, "")


class ParseError(ValueError):
    """The text can't be understood; the message says what to type instead."""


def clean(text: str) -> str:
    """The text with typographic quotes made plain. Raises ParseError for what can't be read."""
    if len(text) > LONGEST:
        raise ParseError(f"That is {len(text):,} characters; at most {LONGEST:,} are read.")
    for character in text:
        if character not in "\n\t" and unicodedata.category(character) in _HIDDEN:
            name = unicodedata.name(character, "a control character")
            raise ParseError(
                f"There is a character that can't be seen (U+{ord(character):04X}, {name.lower()})."
                " Type the command by hand instead of pasting it."
            )
    return text.translate(_QUOTES).strip()


def split(text: str) -> list[str]:
    """Words, with quotes for what holds spaces. An open quote is part of its word."""
    words: list[str] = []
    word, quote, started = "", "", False
    for character in text:
        if quote:
            if character == quote:
                quote = ""
            else:
                word += character
        elif character == '"':
            quote, started = character, True
        elif character.isspace():
            if word or started:
                words.append(word)
            word, started = "", False
        else:
            word += character
    if word or started:
        words.append(word)
    return words


def verb_and_rest(text: str) -> tuple[str, list[str]]:
    """The first word, in lower case, and the others. Raises ParseError as `clean` does."""
    words = [_dashes(word) for word in split(clean(text))]
    return (words[0].lower(), words[1:]) if words else ("", [])


def parse(grammar: Grammar, words: Sequence[str]) -> Parsed:
    """Put words to the names of a grammar. Raises ParseError naming what is wrong or missing."""
    options = {option.name: option for option in grammar.options}
    found: dict[str, str] = {}
    switches: set[str] = set()
    plain: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if not word.startswith("--"):
            plain.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        option = options.get(name)
        if option is None:
            raise ParseError(_unknown_option(name, options))
        if option.switch:
            switches.add(name)
            continue
        if not equals:
            value, index = _value(words, index, option)
        found[name] = f"{found[name]},{value}" if option.many and name in found else value
    found.update(_positions(grammar, plain))
    return Parsed(found, frozenset(switches))


def _value(words: Sequence[str], index: int, option: Option) -> tuple[str, int]:
    end = index
    while end < len(words) and not words[end].startswith("--") and (option.rest or end == index):
        end += 1
    if end == index:
        raise ParseError(f"--{option.name} needs a value: {option.help}.")
    return " ".join(words[index:end]), end


def _positions(grammar: Grammar, plain: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    left = list(plain)
    for argument in grammar.arguments:
        if argument.rest and left:
            found[argument.name], left = " ".join(left), []
        elif left:
            found[argument.name] = left.pop(0)
        elif argument.required:
            raise ParseError(f"{argument.name.upper()} is missing: {argument.help}.")
    if left:
        raise ParseError(f"I don't know what {left[0]!r} is for. Usage: {grammar.usage}")
    return found


def _unknown_option(name: str, options: dict[str, Option]) -> str:
    if not options:
        return f"--{name} is unknown; this takes no options."
    return f"--{name} is unknown; {nearest(name, options) or 'see help'}"


def _dashes(word: str) -> str:
    for dash in _LONG_DASHES:
        if word.startswith(dash):
            return "--" + word[len(dash) :]
    return word


def _argument_usage(argument: Argument) -> str:
    name = argument.name.upper() if argument.required else argument.name
    shown = f"{name}…" if argument.rest else name
    return shown if argument.required else f"[{shown}]"


def _option_usage(option: Option) -> str:
    return f"[--{option.name}]" if option.switch else f"[--{option.name} {option.name.upper()}]"
