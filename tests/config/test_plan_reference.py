"""The reference of plan files names every key there is, and every plan."""

from pathlib import Path

import msgspec
import pytest

from bot.domain.plan import PlanDocument, WaveDocument
from bot.domain.subjects import SUBJECTS
from bot.plans import library

TEXT = (Path(__file__).parents[2] / "docs" / "plan-reference.md").read_text()


@pytest.mark.parametrize("shape", [PlanDocument, WaveDocument])
def test_every_key_is_in_the_reference(shape: type[msgspec.Struct]) -> None:
    keys = [field.encode_name for field in msgspec.structs.fields(shape)]
    assert [key for key in keys if f"`{key}" not in TEXT] == []


def test_every_subject_and_every_plan_is_in_the_reference() -> None:
    named = [*(f"`{example}`" for example in SUBJECTS.values()), *library().names()]
    assert [name for name in named if name.strip("`") not in TEXT] == []
