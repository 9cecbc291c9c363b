"""A plan played over what was recorded: the same decisions, in virtual time, without a target."""
