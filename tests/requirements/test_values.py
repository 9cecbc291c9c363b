"""The built-in plans hold the numbers of the documents that they come from."""

import pytest

from tests.requirements.acting import plans
from tests.requirements.values import Wanted, found_at, is_met, wanted

ALL = [
    pytest.param(value, id=value.name, marks=pytest.mark.requirement(*value.rows))
    for value in wanted()
]


@pytest.mark.parametrize("value", ALL)
def test_a_plan_holds_the_number_that_its_document_gives(value: Wanted) -> None:
    document = plans().get(value.plan).document
    assert is_met(value, document), f"{value.at} is {found_at(document, value.at)!r}"


def test_a_place_is_found_by_keys_ids_and_numbers() -> None:
    document = {"waves": [{"id": "a", "soak": "1h"}, {"id": "b", "go_if": [{"if": "x < 1"}]}]}
    assert found_at(document, "waves.a.soak") == found_at(document, "waves.0.soak") == "1h"
    assert is_met(Wanted(("R",), "waves.a.soak", is_="60m"), document)
    assert not is_met(Wanted(("R",), "waves.a.soak", is_="61m"), document)
    assert is_met(Wanted(("R",), "waves.b.go_if", has={"if": "x  < 1"}), document)
    more = Wanted(("R",), "waves.b.go_if", has={"if": "x < 1", "window": "1m"})
    assert not is_met(more, document)
    with pytest.raises(KeyError, match=r"c of waves\.c\.soak"):
        found_at(document, "waves.c.soak")
