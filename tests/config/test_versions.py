"""Versions are read as semver.org 2.0.0 writes them, and in no other way."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.versions import LONGEST, Version, parse_version


def _words(text: str) -> list[str]:
    return text.split()


# Examples of the specification and of the suggested regular expression's test page.
RIGHT = _words("""
0.0.4 1.2.3 10.20.30 1.1.2-prerelease+meta 1.1.2+meta 1.1.2+meta-valid 1.0.0-alpha 1.0.0-beta
1.0.0-alpha.beta 1.0.0-alpha.beta.1 1.0.0-alpha.1 1.0.0-alpha0.valid 1.0.0-alpha.0valid
1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay 1.0.0-rc.1+build.1 2.0.0-rc.1+build.123
1.2.3-beta 10.2.3-DEV-SNAPSHOT 1.2.3-SNAPSHOT-123 2.0.0+build.1848 2.0.1-alpha.1227
1.0.0-alpha+beta 1.2.3----RC-SNAPSHOT.12.9.1--.12+788 1.2.3----R-S.12.9.1--.12+meta
1.2.3----RC-SNAPSHOT.12.9.1--.12 1.0.0+0.build.1-rc.10000aaa-kk-0.1 1.0.0-0A.is.legal
1.2.0-rc.1+staging.20251201
""")
WRONG = _words("""
1 1.2 1.2.3-0123 1.2.3-0123.0123 1.1.2+.123 +invalid -invalid -invalid+invalid -invalid.01 alpha
alpha.beta alpha.beta.1 alpha.1 alpha+beta alpha_beta alpha. alpha.. beta 1.0.0-alpha_beta -alpha.
1.0.0-alpha.. 1.0.0-alpha..1 1.0.0-alpha...1 01.1.1 1.01.1 1.1.01 1.2.3.DEV 1.2-SNAPSHOT
1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788 1.2-RC-SNAPSHOT -1.0.3-gamma+b7718
+justmeta 9.8.7+meta+meta 9.8.7-whatever+meta+meta vv1.0.0 V1.0.0 v 1.0.0- 1.0.0+ v1.0 =1.0.0
""")
ORDER = _words("""
1.0.0-0 1.0.0-1 1.0.0-2 1.0.0-10 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2
1.0.0-beta.11 1.0.0-rc.1 1.0.0-rc.1.0 1.0.0 1.0.1-a 1.0.1 1.2.0 1.10.0 2.0.0 2.1.0 2.1.1 10.0.0
""")


@pytest.mark.parametrize("text", RIGHT)
def test_a_version_is_written_back_as_it_was_read(text: str) -> None:
    assert str(parse_version(text)) == text
    assert parse_version(f"v{text}") == parse_version(text)


@pytest.mark.parametrize(
    "text",
    [*WRONG, "", " 1.0.0", "1.0.0 ", "1.0.0\n", "1.0.0\x00", "1.\u0662.3", "\uff11.0.0", "1.0.0-ä"],
)
@pytest.mark.requirement("W-032")
def test_everything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a version\. Write it like v1\.2\.0") as caught:
        parse_version(text)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


def test_a_version_that_nobody_can_read_is_refused() -> None:
    assert str(parse_version("1.0.0-" + "a" * (LONGEST - 6))).endswith("a")
    with pytest.raises(ValueError, match="is not a version"):
        parse_version("1.0.0-" + "a" * (LONGEST - 5))


@pytest.mark.parametrize(("lower", "higher"), list(itertools.combinations(ORDER, 2)))
def test_versions_are_ordered_as_the_specification_says(lower: str, higher: str) -> None:
    assert parse_version(lower).precedence < parse_version(higher).precedence


def test_the_build_does_not_count_in_the_order() -> None:
    one, other = parse_version("1.0.0+a"), parse_version("1.0.0+b.1")
    assert one.precedence == other.precedence
    assert one != other


@pytest.mark.requirement("W-032", "W-033")
def test_the_parts_of_a_version_are_told_apart() -> None:
    assert parse_version("v1.2.0-rc.1+staging.20251201") == Version(
        1, 2, 0, ("rc", "1"), ("staging", "20251201")
    )


@pytest.mark.thorough
@given(st.text(max_size=30))
def test_any_text_is_a_version_or_is_refused(text: str) -> None:
    try:
        version = parse_version(text)
    except ValueError:
        return
    assert str(version) == text.removeprefix("v")


words = st.from_regex(r"(0|[1-9][0-9]{0,6}|[0-9]{0,3}[a-zA-Z-][0-9a-zA-Z-]{0,6})", fullmatch=True)
versions = st.builds(
    Version,
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
    st.lists(words, max_size=3).map(tuple),
    st.lists(words, max_size=2).map(tuple),
)


@pytest.mark.thorough
@given(st.lists(versions, max_size=8))
def test_every_version_can_be_written_read_and_sorted(found: list[Version]) -> None:
    assert [parse_version(str(version)) for version in found] == found
    ordered = sorted(found, key=lambda version: version.precedence)
    for one, other in itertools.pairwise(ordered):
        assert one.precedence <= other.precedence
