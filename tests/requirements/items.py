"""Which item of which checklist is which row: `items/*.yaml`.

    W-003: {item: gate/security-review, by: [security]}

check: the command that ticks it where there is one; by: who may tick it; value: the number that has
to come with it; ask: whether words have to; optional: whether it can be left out.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import yaml

FOLDER = Path(__file__).parent / "items"


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item, and the row that asks for it."""

    item: str
    check: str = ""
    by: tuple[str, ...] = ()
    value: str = ""
    ask: bool = False
    optional: bool = False
    live_for: str = ""
    row: str = ""
    plan: str = ""

    @property
    def name(self) -> str:
        return f"{self.row}-{self.item}"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plan: str
    items: dict[str, Wanted | tuple[Wanted, ...]]


def wanted() -> Iterator[Wanted]:
    """All items of all documents."""
    for path in sorted(FOLDER.glob("*.yaml")):
        for data in yaml.safe_load_all(path.read_text("utf-8")):
            found = msgspec.convert(data, _File)
            for row, items in found.items.items():
                for item in items if isinstance(items, tuple) else (items,):
                    yield msgspec.structs.replace(item, row=row, plan=found.plan)
