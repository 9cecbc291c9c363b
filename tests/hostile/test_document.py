"""The document of the bot's doors, held against what they really say."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from starlette.routing import Route

from tests.hostile.odd import ALERTS, ORDER, REPORT, ROLLBACK, Json, altered, junk, written
from tests.hostile.test_requests import BEARER, asked, forget
from tests.scenarios.world import World

FILE = Path(__file__).parents[2] / "docs" / "api.openapi.yaml"
WILD = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
PAGES = ("/unsubscribe", "/notices/preview")
PARTS = {"/hooks/{name}": "/hooks/", "/admin/{name}": "/admin/"}


@cache
def document() -> Json:
    loaded: Json = yaml.safe_load(FILE.read_text("utf-8"))
    return loaded


def test_the_document_is_valid_openapi() -> None:
    validate(document())


async def test_the_document_names_every_door_and_no_other(world: World) -> None:
    doors = {route.path for route in world.bot.web.routes if isinstance(route, Route)}
    named = set(document()["paths"])
    for path in doors:
        start = PARTS.get(path, path)
        assert any(each.startswith(start) for each in named), f"{path} is not in the document"
    for path in named:
        found = {d for d in doors if path == d or path.startswith(PARTS.get(d, "\0"))}
        assert found, f"{path} leads nowhere"


def test_every_example_fits_its_schema() -> None:
    checked = 0
    for _, _, operation in operations():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if "example" in content:
                fits(content["schema"], content["example"])
                checked += 1
    assert checked == 3


def operations() -> Iterator[tuple[str, str, Json]]:
    """Method, path and operation of each that is in the document."""
    for path, item in document()["paths"].items():
        for method in ("get", "post"):
            if method in item:
                yield method.upper(), path, item[method]


def resolved(thing: Any) -> Any:
    """What a reference stands for."""
    while isinstance(thing, Mapping) and "$ref" in thing:
        found: Any = document()
        for key in thing["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        thing = found
    return thing


def fits(schema: Json, value: Any) -> None:
    """Raises jsonschema.ValidationError."""
    whole = {**schema, "components": document()["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def judge(method: str, path: str, answer: httpx.Response) -> None:
    """Whether the document names this answer, in this form."""
    responses = next(o for m, p, o in operations() if (m, p) == (method, path))["responses"]
    status = str(answer.status_code)
    assert status in responses, f"{method} {path} answered {status}, which is not documented"
    contents = resolved(responses[status]).get("content")
    if contents is None:
        return
    kind = answer.headers.get("content-type", "").partition(";")[0]
    assert kind in contents or not answer.content, (path, status, kind)
    if kind == "application/json":
        fits(contents[kind]["schema"], answer.json())
    elif kind in contents:
        fits(contents[kind]["schema"], answer.text)


bodies: Mapping[str, st.SearchStrategy[Any]] = {
    "/hooks/events": st.one_of(st.just(REPORT), altered(REPORT), junk),
    "/hooks/alertmanager": st.one_of(st.just(ALERTS), altered(ALERTS), junk),
    "/admin/rollback": st.one_of(st.just(ROLLBACK), altered(ROLLBACK), junk),
    "/admin/release": st.one_of(st.just(ORDER), altered(ORDER), junk),
    "/slack/events": junk,
}


@pytest.mark.thorough
@WILD
@given(data=st.data())
async def test_every_answer_is_one_that_the_document_names(
    world: World, data: st.DataObject
) -> None:
    method, path, _ = data.draw(st.sampled_from(list(operations())))
    body = written(data.draw(bodies[path])) if path in bodies else b""
    head = data.draw(st.sampled_from([BEARER, {}, {"authorization": "Bearer nonsense"}]))
    query = "?t=nonsense" if path in PAGES else ""
    answer = await asked(world, method, path + query, body, head)
    judge(method, path, answer)
    await forget(world)


async def test_the_doors_without_a_key_answer_as_documented(world: World) -> None:
    for method, path, _ in operations():
        judge(method, path, await asked(world, method, path, b"", {}))
