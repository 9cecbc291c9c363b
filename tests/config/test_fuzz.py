"""Whatever somebody writes into a file, they are told what is wrong with it, and nothing breaks."""

import copy
import re
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.documents import DocumentError
from bot.domain.plan import Plan, PlanDocument, canonical
from bot.domain.plan_compile import compile_plan
from bot.domain.plan_merge import merge, path_in
from bot.domain.preview import preview
from bot.domain.shape import mistakes
from bot.files import Document, FileError, Problem, document
from bot.plans import PlanLibrary, built_in
from tests.config.plans import NOON

pytestmark = pytest.mark.thorough

SEVERAL = settings(suppress_health_check=[HealthCheck.too_slow])
PLANS = {each.data["plan"]: each.data for each in built_in()}

MARKS = [
    *"&*!|>%@`#-?:,[]{}'\"\n \t~=<",
    *("\n  ", "\n- ", ": ", "---\n", "...\n", "<<: ", "on", "1.10", "17:00", "\\x", "%YAML 1.2\n"),
    *("&a ", "*a", "!!int ", "null", "schema: 1\n", "plan: p\n", "waves:\n", "\ufeff", "\x85"),
]
words = st.text(max_size=5)
likely = st.lists(st.one_of(st.sampled_from(MARKS), words), max_size=40).map("".join)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**15),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["5%", "100%", "0m", "1h", "9" * 400 + "d", "5%\n", "error_rate < 1%", "p5"]),
    st.sampled_from(["health != ok", "error_rate > wave(p5) + 1pp", "step_back", "rollback", ""]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)

texts = st.recursive(
    st.text(max_size=20),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=20), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a document."""
    found = [path] if path else []
    pairs: Any = ()
    if isinstance(data, dict):
        pairs = data.items()
    elif isinstance(data, list):
        pairs = enumerate(data)
    for key, value in pairs:
        found += places(value, (*path, key))
    return found


@st.composite
def altered(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a real plan with one to three places replaced by something else, or taken out."""
    data: dict[str, Any] = copy.deepcopy(PLANS[draw(st.sampled_from(sorted(PLANS)))])
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(data)))
        target: Any = data
        for key in path[:-1]:
            target = target[key]
        if draw(st.booleans()):
            target[path[-1]] = draw(values)
        else:
            del target[path[-1]]
        if not data:
            break
    return data


def loaded(raw: bytes) -> Document | None:
    """Read a file; None when it was refused in the way that people are told."""
    found, problems = _outcome(raw)
    assert (found is None) == bool(problems)
    for problem in problems:
        assert problem.line <= len(re.split(rb"\r\n|\r|\n", raw)) + 1
        assert str(problem).isprintable()
    return found


def _outcome(raw: bytes) -> tuple[Document | None, tuple[Problem, ...]]:
    try:
        return document(raw, "file.yaml"), ()
    except FileError as error:
        return None, error.problems


@SEVERAL
@given(st.binary(max_size=60))
def test_any_bytes_are_a_document_or_are_refused_with_a_line(raw: bytes) -> None:
    loaded(raw)


@given(likely)
def test_any_text_that_looks_like_yaml_is_a_document_or_is_refused(text: str) -> None:
    found = loaded(text.encode("utf-8", "surrogatepass"))
    if found is not None:
        canonical(found.data)
        mistakes(found.data, PlanDocument)


@SEVERAL
@given(texts)
def test_every_quoted_text_comes_back_as_it_was_written(value: Any) -> None:
    text = yaml.safe_dump({"key": value}, default_style='"', allow_unicode=True)
    found = loaded(text.encode("utf-8"))
    assert found is not None
    assert found.data == {"key": value}


@SEVERAL
@given(altered())
def test_any_altered_plan_is_a_plan_or_is_refused_with_a_place(data: dict[str, Any]) -> None:
    found = mistakes(data, PlanDocument)
    try:
        plan = compile_plan(data)
    except DocumentError:
        return
    assert found == []
    assert isinstance(plan, Plan)
    assert plan.waves[-1].traffic == 100
    assert plan.approval.seats >= 2
    assert preview(plan, NOON).total <= preview(plan, NOON).longest


@SEVERAL
@given(altered(), altered())
def test_any_two_plans_merge_and_every_path_leads_somewhere(
    parent: dict[str, Any], child: dict[str, Any]
) -> None:
    merged = merge(parent, child)
    assert "extends" not in merged
    for path in places(merged):
        for source in (parent, child):
            assert len(path_in(path, merged, source)) <= len(path)


@SEVERAL
@given(altered())
def test_any_altered_plan_file_loads_or_names_its_line(data: dict[str, Any]) -> None:
    others = [each for each in built_in() if each.data["plan"] != data.get("plan")]
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    found = loaded(text.encode("utf-8", "surrogatepass"))
    if found is None:
        return
    try:
        library = PlanLibrary([*others, found])
    except FileError:
        return
    assert data["plan"] in library.names()
