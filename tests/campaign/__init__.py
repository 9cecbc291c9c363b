"""The kill campaign: real processes on a real database, killed again and again while they release.

`python -m tests.campaign --kills 50` (or `make campaign KILLS=50`) runs it and prints a table.
"""
