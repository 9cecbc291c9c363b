"""The written contract of the HTTP deployer, held against what both ends of it really say."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from openapi_spec_validator import validate

from bot.domain.signing import sign
from bot.ports import PermanentError, Release, Target, TemporaryError
from bot.practice.deployer import Trouble
from tests.contract.transports import Recorder, through
from tests.contract.worlds import EPOCH, SECRET, TARGET, HttpWorld, http_world

DOCUMENT = Path(__file__).parents[2] / "docs" / "deployer.openapi.yaml"
OLD, NEW = Release("v1.0.0"), Release("v1.1.0")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[HttpWorld]:
    async with http_world(tmp_path) as world:
        yield world


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text())
    return loaded


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


def test_the_signature_in_the_document_is_the_right_one(document: dict[str, Any]) -> None:
    text = document["info"]["description"]
    path = "/v1/services/checkout/versions/v1.2.0"
    assert sign("s3cret", "1763716800", "GET", path, b"") in text


def test_every_example_in_the_document_fits_its_schema(document: dict[str, Any]) -> None:
    checked = 0
    for content in _contents(document):
        examples = [each["value"] for each in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        for example in examples:
            _check(document, content["schema"], example)
            checked += 1
    assert checked >= 12


async def test_what_both_ends_say_is_what_the_document_says(
    world: HttpWorld, document: dict[str, Any]
) -> None:
    recorder = through(world, Recorder)
    await _everything(world)
    statuses = set()
    for request, response in recorder.seen:
        operation = _operation(document, request)
        if request.content:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            _check(document, schema, yaml.safe_load(request.content))
            assert request.headers["Idempotency-Key"]
            assert int(request.headers["X-Countersign-Seq"]) > 0
        said = operation["responses"].get(str(response.status_code)) or operation["responses"].get(
            f"{response.status_code // 100}XX"
        )
        assert said is not None, (request.url, response.status_code)
        schema = _resolve(document, said)["content"]["application/json"]["schema"]
        _check(document, schema, response.json())
        statuses.add(response.status_code)
    assert statuses == {200, 202, 400, 401, 404, 409, 422, 429, 503}


async def _everything(world: HttpWorld) -> None:
    """Provoke every status there is."""
    deployer = world.adapter()
    late = world.op()
    await deployer.prepare(TARGET, NEW, world.op())
    await deployer.shift(TARGET, NEW, 5, world.op())
    world.shop.serve_traffic(10, start=EPOCH)
    base = "http://deployer.test/base/v1/services/checkout"
    await _signed(world, "GET", f"{base}/environments/production/counts")
    await _signed(world, "GET", f"{base}/environments/nowhere/counts")
    await _signed(world, "PUT", f"{base}/environments/production/target")
    await world.http.get(f"{base}/environments/production")
    await deployer.rollback(TARGET, OLD, world.op())
    await deployer.retire(TARGET, NEW, world.op())
    await _signed(world, "GET", f"{base}/environments/production/counts")
    for wrong in (
        deployer.shift(TARGET, NEW, 5, late),
        deployer.shift(TARGET, NEW, 5, world.op()),
        deployer.resolve(TARGET, "nonsense"),
        deployer.resolve(Target("nothing", "production"), "v1.0.0"),
        deployer.observe(Target("checkout", "nowhere")),
    ):
        with pytest.raises(PermanentError):
            await wrong
    for status in (429, 503):
        world.far.troubles.append(Trouble(status=status))
        with pytest.raises(TemporaryError):
            await deployer.observe(TARGET)


async def _signed(world: HttpWorld, method: str, url: str) -> None:
    request = world.http.build_request(method, url)
    stamp = str(int(world.clock.time))
    path = request.url.raw_path.decode()
    signed = sign(SECRET, stamp, method, path, b"")
    request.headers["X-Countersign-Timestamp"] = stamp
    request.headers["X-Countersign-Signature"] = signed
    await world.http.send(request)


def _contents(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every media type object of the document."""
    found: list[dict[str, Any]] = []
    stack: list[Any] = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "application/json" in node:
                found.append(node["application/json"])
            stack += node.values()
        elif isinstance(node, list):
            stack += node
    return found


def _operation(document: dict[str, Any], request: httpx.Request) -> dict[str, Any]:
    path = request.url.path.removeprefix("/base")
    for template, item in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            operation: dict[str, Any] = item[request.method.lower()]
            return operation
    raise AssertionError(f"{path} is not in the document")


def _resolve(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = document
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    resolved: dict[str, Any] = found
    return resolved


def _check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    whole = schema | {"components": document["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)
