"""The page docs/requirements.md: every row beside the tests that show it, and the counts."""

from collections.abc import Iterator, Mapping, Sequence

from tests.requirements.claims import Claims
from tests.requirements.rows import DUE, LATER, Source, by_id

HEAD = """\
# What is asked for, and what shows it

Written by `python -m tests.requirements`; don't edit it here. CI refuses a page that is out of
date.

Each row is something that one of the five source documents asks for, in our words. A row is covered
when a test names it (`@pytest.mark.requirement`), and a test names it only when it would fail if
the row were not met. MUST is behaviour; CONFIG is a number or a name that stands in a file of data,
such as a plan. How to claim a row is in [CONTRIBUTING](../CONTRIBUTING.md#requirements).
"""


def unknown(sources: Sequence[Source], claims: Claims) -> Iterator[str]:
    """Say which tests name rows that don't exist."""
    rows = by_id(sources)
    for row, tests in claims.items():
        if row not in rows:
            yield f"{row} is not a row of tests/requirements/rows, but {', '.join(tests)} names it"


def counts(sources: Sequence[Source], claims: Claims) -> dict[str, tuple[int, int]]:
    """For each area with rows: how many are covered, and how many there are."""
    found = {area: [0, 0] for area in (*DUE, *LATER)}
    for row_id, row in by_id(sources).items():
        found[row.area][0] += row_id in claims
        found[row.area][1] += 1
    return {area: (covered, total) for area, (covered, total) in found.items() if total}


def summary(sources: Sequence[Source], claims: Claims) -> list[str]:
    """The counts in two lines, for a terminal."""
    by_area = counts(sources, claims)
    return [
        f"{covered} of {total} rows of {what} covered"
        for what, areas in (("the areas that are due", DUE), ("the areas for later", LATER))
        for covered, total in [_sum(by_area, areas)]
    ]


def page(sources: Sequence[Source], claims: Claims) -> str:
    """The whole page."""
    lines = [HEAD, *_overview(sources, claims), *_missing(sources, claims)]
    for source in sources:
        lines += ["", f"## {source.title}", "", *_table(source, claims)]
    return "\n".join(lines) + "\n"


def _sum(by_area: Mapping[str, tuple[int, int]], areas: Mapping[str, str]) -> tuple[int, int]:
    mine = [pair for area, pair in by_area.items() if area in areas]
    return sum(covered for covered, _ in mine), sum(total for _, total in mine)


def _overview(sources: Sequence[Source], claims: Claims) -> Iterator[str]:
    by_area = counts(sources, claims)
    yield "| area | what is in it | covered | of |"
    yield "|---|---|---:|---:|"
    for title, areas in (("due", DUE), ("later", LATER)):
        for area in (area for area in areas if area in by_area):
            covered, total = by_area[area]
            yield f"| {area} | {areas[area]} | {covered} | {total} |"
        covered, total = _sum(by_area, areas)
        yield f"| **{title}** | | **{covered}** | **{total}** |"


def _missing(sources: Sequence[Source], claims: Claims) -> Iterator[str]:
    """The rows of due areas that no test shows yet, so that nobody has to look for them."""
    yield from ("", "## Not shown yet", "", "Rows of the areas that are due:", "")
    for source in sources:
        open_rows = [i for i, row in source.rows.items() if row.due and i not in claims]
        if open_rows:
            yield f"- {source.title}: {', '.join(open_rows)}"


def _table(source: Source, claims: Claims) -> Iterator[str]:
    yield "| row | area | | what is asked for | shown by |"
    yield "|---|---|---|---|---|"
    for row_id, row in source.rows.items():
        tests = claims.get(row_id, ())
        shown = "<br>".join(f"`{_short(test)}`" for test in tests)
        if not tests:
            shown = "**not yet**" if row.due else "later"
        yield f"| {row_id} | {row.area} | {row.mark} | {row.says} | {shown} |"


def _short(nodeid: str) -> str:
    return nodeid.removeprefix("tests/").replace("|", "\\|")
