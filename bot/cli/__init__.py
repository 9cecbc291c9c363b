"""The verbs of the command line, one module for each group of them.

What a verb needs is imported when it runs, so that `countersign version` answers at once.
"""
