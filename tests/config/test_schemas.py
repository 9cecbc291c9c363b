"""The schemas for editors agree with what the program itself accepts."""

from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from bot.files import document
from bot.schemas import config_schema, plan_schema
from tests.config.examples import EXAMPLE

PLANS = sorted(
    file.name
    for file in files("templates").joinpath("plans").iterdir()
    if file.name.endswith(".yaml")
)


def _data(text: str) -> Any:
    return document(text.encode(), "x.yml").data


@pytest.mark.parametrize("name", PLANS)
def test_every_plan_that_comes_with_the_program_is_valid(name: str) -> None:
    text = files("templates").joinpath("plans", name).read_text("utf-8")
    jsonschema.validate(_data(text), plan_schema())


def test_the_example_configuration_is_valid() -> None:
    jsonschema.validate(_data(EXAMPLE), config_schema())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema: 1", "schema: 2"),
        ("kind: haproxy", "kind: hproxy"),
        ("slots:", "slot:"),
        ("[U0ADA]", "[ada]"),
        ("timeout: 10m", "timeout: 10"),
        ("kind: ratio", "kind: ration"),
        ('probe: {health: "http://10.0.0.5/health"', 'probe: {heath: "http://10.0.0.5/health"'),
        ("channels:", "chanels:"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_for_editors_too(old: str, new: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(_data(EXAMPLE.replace(old, new)), config_schema())


def test_both_schemas_are_schemas() -> None:
    for schema in (config_schema(), plan_schema()):
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_plan_that_extends_may_say_of_a_wave_only_what_is_different() -> None:
    plan = {"schema": 1, "plan": "ours", "extends": "quickstart", "waves": [{"id": "p5"}]}
    jsonschema.validate(plan, plan_schema())


def test_a_metric_can_not_be_given_another_name_than_its_key() -> None:
    plan = {"schema": 1, "plan": "ours", "metrics": {"a": {"kind": "probe", "name": "b"}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plan, plan_schema())


def test_keys_are_described_where_an_editor_shows_it() -> None:
    options = config_schema()["$defs"]["HaproxyOptions"]["properties"]
    assert options["sockets"]["description"].startswith("unix:/path or tcp:host:port")
    assert "one for every process" in options["sockets"]["description"]
