"""What people can type, one module per verb; `help` is generated from the same table."""
