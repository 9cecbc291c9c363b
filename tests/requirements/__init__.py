"""What the product has to do, row by row, and which test shows each row.

`rows/` lists what the five documents ask for, in our words, under the ids that the tests name:
`@pytest.mark.requirement("W-084")`. `python -m tests.requirements` writes docs/requirements.md from
both, and `--check` fails when that page, a mark or a row doesn't fit the others.
"""
