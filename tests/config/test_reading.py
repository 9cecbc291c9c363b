"""What YAML would let through with two meanings is refused, in words that say what to write."""

from pathlib import Path

import pytest

from bot.files import LARGEST_FILE, FileError, document, read_document
from bot.yaml_text import DEEPEST

WORD = "is a word to some readers and"
REFUSED = {
    "": "f:1: the file is empty",
    "# only a comment\n": "f:1: the file is empty",
    "~\n": "f:1: the file is empty",
    "- a\n": "f:1: the file is not a map of keys (write lines like `name: value`)",
    "text\n": "f:1: the file is not a map of keys (write lines like `name: value`)",
    "a: on\n": f'f:1: a: `on` {WORD} true to others (write true, or "on" in quotes for the word)',
    "a: No\n": f'f:1: a: `No` {WORD} false to others (write false, or "No" in quotes for the word)',
    "on: 1\n": f'f:1: on: `on` {WORD} true to others (a key is a name in quotes: "on":)',
    "a: 17:00\n": "f:1: a: `17:00` is a time to some readers and a number to others"
    ' (write "17:00" in quotes)',
    "a: 1.10\n": "f:1: a: `1.10` loses its last zero when it is read as a number"
    ' (write "1.10" in quotes for text, or leave the zero out)',
    "a: 010\n": "f:1: a: `010` is not the same number to all readers"
    ' (write plain digits, or "010" in quotes for text)',
    "a: 1_000\n": "f:1: a: `1_000` is not the same number to all readers"
    ' (write plain digits, or "1_000" in quotes for text)',
    "a: 0x1F\n": "f:1: a: `0x1F` is not the same number to all readers"
    ' (write plain digits, or "0x1F" in quotes for text)',
    "a: .inf\n": "f:1: a: `.inf` is no number that can be used",
    "a: 1e999\n": "f:1: a: 1e999 is too large for a number",
    f"a: {'9' * 30}\n": "f:1: a: 99999999999999999999… is too large for a number"
    " (put it in quotes if it is text)",
    "a: 1\nb: 2\na: 3\n": "f:3: a: is there twice (also on line 1) (keep one)",
    "a: {b: 1, b: 2}\n": "f:1: a.b: is there twice (also on line 1) (keep one)",
    "5: x\n": 'f:1: the key 5 is a number, not a name (in quotes it is one: "5":)',
    "true: x\n": 'f:1: the key true is true or false, not a name (in quotes it is one: "true":)',
    "~: x\n": 'f:1: the key ~ is empty, not a name (in quotes it is one: "~":)',
    "? [a]\n: b\n": 'f:1: a key has to be a plain name (like `name:` or `"a name":`)',
    "a: {<<: {b: 1}}\n": "f:1: a.<<: merge keys are not read"
    " (repeat the keys, or use `extends` in a plan)",
    "a: !!int 5\n": "f:1: a: tags like 'tag:yaml.org,2002:int' are not read (quote text instead)",
    "a: !!python/none\n": "f:1: a: tags like 'tag:yaml.org,2002:python/none' are not read"
    " (quote text instead)",
    "a: !set {b}\n": "f:1: a: tags like '!set' are not read (leave it out)",
    "a: *b\n": "f:1: a: nothing is called &b",
    "a: &b [*b]\n": "f:1: a[0]: *b stands inside of itself",
    "a: 1\n---\nb: 2\n": "f:2: there are several documents (put each into a file of its own)",
    "a:\n\tb: 1\n": "f:2: there is a tab (YAML is indented with spaces)",
    "a: b: c\n": "f:1: there is a second colon, or the line is indented wrongly"
    " (put a value that holds `: ` in quotes, and check the indentation)",
    "a: @b\n": 'f:1: a value can\'t begin with @ or ` (put it in quotes: "@…")',
    "a: %b\n": 'f:1: a value can\'t begin with % (put it in quotes: "%…")',
    "a: 1\nb: \x07\n": "f:2: there is a character that can't be seen (U+0007) (delete it)",
    "a: 1\r\nb: 2\u2028c: 3\n": "f:2: there is a line break that editors don't show (U+2028)"
    " (delete it)",
    "a: &": "f:1: expected alphabetic or numeric character, but found the end of the file",
    'a: "\\ud800"\n': "f:1: a: holds half a character (a lone surrogate) (write it out)",
    "a: " + "[" * (DEEPEST + 2): f"f:1: nested deeper than {DEEPEST} levels",
}


def said(raw: bytes) -> str:
    with pytest.raises(FileError) as caught:
        document(raw, "f")
    return str(caught.value)


@pytest.mark.parametrize("text", REFUSED)
def test_a_trap_is_refused_with_its_line_and_what_to_write(text: str) -> None:
    assert said(text.encode()) == REFUSED[text]


@pytest.mark.parametrize(
    "text", ["a: [1\n", "a: 'b\n", 'a: "b\n', "a: {b\n", "a:\n  b: 1\n c: 2\n"]
)
def test_what_is_not_closed_or_not_aligned_is_refused(text: str) -> None:
    line = said(text.encode())
    assert line.startswith("f:")
    assert "unexpected end" in line or "check the indentation" in line


@pytest.mark.parametrize("text", ['a: "\\U99999999"\n', f"%YAML {'9' * 5000}.1\n---\na: 1\n"])
def test_what_makes_the_parser_itself_fail_is_refused_too(text: str) -> None:
    assert "f:1: " in said(text.encode())


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    lines = said(b"a: on\nb: 17:00\nc: fine\nb: 2\n").splitlines()
    assert [line.split(": ")[0] for line in lines] == ["f:1", "f:2", "f:4"]


def test_what_comes_before_a_fatal_mistake_is_told_as_well() -> None:
    assert said(b"a: on\nb: [\n").count("f:") == 2


def test_text_in_another_encoding_is_refused_with_its_line() -> None:
    assert said(b"a: 1\nb: caf\xe9\n") == (
        "f:2: is not UTF-8 text (save the file with the encoding UTF-8)"
    )


def test_a_file_of_a_megabyte_is_refused_before_it_is_parsed() -> None:
    assert said(b"#" * (LARGEST_FILE + 1)) == "f: is larger than 1 MiB"


def test_aliases_that_would_grow_without_end_are_refused() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "more than 50,000 values" in said("\n".join(lines).encode())


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_document(tmp_path / "none.yaml")
    assert str(caught.value) == f"{tmp_path}/none.yaml: can't be read: No such file or directory"


def test_what_a_file_holds_reaches_no_terminal_as_a_command() -> None:
    assert said(b'"\\e[2J": 1\n"\\e[2J": 2\n').startswith("f:2: \\x1b[2J: is there twice")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a: true", True),
        ("a: False", False),
        ("a:", None),
        ("a: null", None),
        ("a: -12", -12),
        ("a: 0", 0),
        ("a: 1.5", 1.5),
        ("a: 1.0", 1.0),
        ("a: 1e3", 1000.0),
        ("a: 1.20.3", "1.20.3"),
        ("a: v1.10", "v1.10"),
        ("a: 5%", "5%"),
        ("a: 30m", "30m"),
        ("a: 2026-11-21", "2026-11-21"),
        ("a: one", "one"),
        ('a: "on"', "on"),
        ("a: '1.10'", "1.10"),
        ('a: "17:00"', "17:00"),
        ("a: error_rate < 0.1%", "error_rate < 0.1%"),
        ("a: |\n  one\n  two\n", "one\ntwo\n"),
        ("a: grüße", "grüße"),
    ],
)
def test_everything_else_means_what_yaml_1_2_says(text: str, meaning: object) -> None:
    found = document(text.encode(), "f").data["a"]
    assert found == meaning
    assert type(found) is type(meaning)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert document(b"\xef\xbb\xbfa: 1\n", "f").data == {"a": 1}


def test_an_alias_stands_for_what_its_anchor_holds() -> None:
    found = document(b"a: &x\n  b: [1]\nc: *x\n", "f")
    assert found.data == {"a": {"b": [1]}, "c": {"b": [1]}}
    assert found.line(("c", "b", 0)) == 2


def test_every_path_has_the_line_of_its_key() -> None:
    found = document(b"a:\n  b:\n    - one\n    - c: 2\n\nd: 3\n", "f")
    paths = [("a",), ("a", "b"), ("a", "b", 0), ("a", "b", 1, "c"), ("d",), ("a", "missing"), ()]
    assert [found.line(path) for path in paths] == [1, 2, 3, 4, 6, 1, 1]
