"""Whole releases on a virtual clock, in a world where everything goes wrong that can.

The bot is the production code from the signed delivery to the bytes in SQLite. What is invented is
the outside: a shop with its deployer, a workspace, people, and chance. One number, the seed, is
where all of it comes from, so that whatever happened once happens again. `make simulate` runs it.
"""
