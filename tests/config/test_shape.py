"""Data of the wrong shape: every mistake is found, with its place and what to write instead."""

# A row of the table is one line, however long.
# ruff: noqa: E501

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from bot.domain.documents import DocumentError
from bot.domain.plan_terms import Closed, Duration, Name, Percent
from bot.domain.shape import converted, mistakes


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Cat(Closed, frozen=True, kw_only=True, tag_field="kind", tag="cat"):
    lives: int = 9


class Dog(Closed, frozen=True, kw_only=True, tag_field="kind", tag="dog"):
    name: str


class Thing(Closed, frozen=True, kw_only=True):
    text: str
    share: Percent = "5%"
    wait: Duration | Literal[""] = ""
    count: Annotated[int, Meta(ge=1, le=9)] | Literal["all"] | None = None
    ratio: Annotated[float, Meta(gt=0, lt=1)] | None = None
    colour: Colour = Colour.RED
    words: tuple[str, ...] = ()
    pair: tuple[str, int] | None = None
    some: Annotated[tuple[str, ...], Meta(min_length=1)] = ("a",)
    pet: Cat | Dog | None = None
    only: Cat | None = None
    named: Mapping[Name, Cat] = {}
    filled: Annotated[Mapping[str, int], Meta(min_length=1)] | None = None
    sure: Literal[True] = True
    short: Annotated[str, Meta(max_length=3)] = ""


WRONG: list[tuple[Mapping[str, Any], list[str]]] = [
    ({}, ["`text` is missing"]),
    ({"text": 1.2}, ['text: is the number 1.2, but has to be text (if it is text, put it in quotes: "1.2")']),
    ({"text": None}, ["text: is empty, but has to be text"]),
    ({"text": ["a"]}, ["text: is a list, but has to be text"]),
    ({"text": {"a": 1}}, ["text: is a map of keys, but has to be text"]),
    ({"text": "a", "txet": 1}, ["txet: is unknown (did you mean 'text'?)"]),
    ({"text": "a", "share": 5}, ["share: '5' is not a percentage (write it like 5% or 0.1%)"]),
    ({"text": "a", "share": "5%\n"}, ["share: '5%\\n' ends with a line break (write it in one line)"]),
    ({"text": "a", "wait": 30}, ["wait: '30' is not a duration (write a number and a unit, like 30s, 5m, 2h)"]),
    ({"text": "a", "count": 0}, ["count: has to be at least 1"]),
    ({"text": "a", "count": 10}, ["count: has to be at most 9"]),
    ({"text": "a", "count": "al"}, ["count: 'al' is not known here (did you mean 'all'?)"]),
    ({"text": "a", "count": True}, ["count: is true, but has to be 'all' or a whole number"]),
    ({"text": "a", "ratio": 1.5}, ["ratio: has to be less than 1"]),
    ({"text": "a", "ratio": "x"}, ["ratio: is the text 'x', but has to be a number"]),
    ({"text": "a", "colour": "gren"}, ["colour: 'gren' is not known here (did you mean 'green'?)"]),
    ({"text": "a", "words": "one"}, ["words: is the text 'one', but has to be a list (write [one])"]),
    ({"text": "a", "words": ["b", 3]}, ['words[1]: is the number 3, but has to be text (if it is text, put it in quotes: "3")']),
    ({"text": "a", "pair": ["a"]}, ["pair: takes exactly 2 entries, not 1"]),
    ({"text": "a", "pair": ["a", "b"]}, ["pair[1]: is the text 'b', but has to be a whole number"]),
    ({"text": "a", "some": []}, ["some: has to have at least 1 entries"]),
    ({"text": "a", "filled": {}}, ["filled: has to have at least 1 entries"]),
    ({"text": "a", "pet": {}}, ["pet: `kind` is missing (one of: cat, dog)"]),
    ({"text": "a", "pet": {"kind": "cta"}}, ["pet.kind: 'cta' is unknown (did you mean 'cat'?)"]),
    ({"text": "a", "pet": {"kind": ["cat"]}}, ["pet.kind: ['cat'] is unknown (did you mean 'cat'?)"]),
    ({"text": "a", "pet": {"kind": "dog", "nme": 1}}, ["pet.nme: is unknown (did you mean 'name'?)", "pet: `name` is missing"]),
    ({"text": "a", "pet": 5}, ["pet: is the number 5, but has to be a map of keys"]),
    ({"text": "a", "only": {"kind": "dog"}}, ["only.kind: is 'dog', and only 'cat' can be here"]),
    ({"text": "a", "named": {"a b": {"kind": "cat"}}}, ["named.a b: 'a b' is not a name (write small letters, digits and _)"]),
    ({"text": "a", "named": {"a": {"kind": "cat", "lives": "x"}}}, ["named.a.lives: is the text 'x', but has to be a whole number"]),
    ({"text": "a", "sure": False}, ["sure: is false, but has to be true"]),
    ({"text": "a", "short": "long"}, ["short: has to have at most 3 characters"]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "said"), WRONG, ids=[str(data) for data, _ in WRONG])
def test_a_mistake_has_a_place_and_words(data: Mapping[str, Any], said: list[str]) -> None:
    assert [str(error) for error in mistakes(data, Thing)] == said
    with pytest.raises(DocumentError) as caught:
        converted({**data, "another": 1}, Thing)
    assert str(caught.value)


def test_all_mistakes_of_a_document_are_found_at_once() -> None:
    data = {"txt": 1, "share": 5, "named": {"a": {"kind": "cat", "lives": None, "age": 3}}}
    places = [error.path for error in mistakes(data, Thing)]
    assert places == [("txt",), ("share",), ("named", "a", "lives"), ("named", "a", "age"), ()]


def test_a_partial_document_may_leave_out_what_has_to_be_there() -> None:
    assert mistakes({"pet": {"kind": "dog"}}, Thing, partial=True) == []
    assert mistakes([{"kind": "dog"}], tuple[Dog, ...], partial=True) == []
    assert len(mistakes({"pet": {"kind": "dog", "x": 1}}, Thing, partial=True)) == 1


def test_what_is_right_becomes_a_value() -> None:
    data = {"text": "a", "pet": {"kind": "dog", "name": "Rex"}, "count": "all", "wait": "5m"}
    assert mistakes(data, Thing) == []
    thing = converted(data, Thing)
    assert (thing.pet, thing.count, thing.wait) == (Dog(name="Rex"), "all", "5m")


def test_a_long_value_is_not_repeated_in_full() -> None:
    (error,) = mistakes({"text": "a", "colour": "x" * 500}, Thing)
    assert len(str(error)) < 150
