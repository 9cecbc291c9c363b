"""Checks that are programs of their own: sizes, schemas, packaging. CI runs them."""
