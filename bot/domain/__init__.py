"""The rules of a release, as values and functions of values.

Nothing in this package does I/O, reads a clock or draws a random number; what it needs is
passed in.
"""
