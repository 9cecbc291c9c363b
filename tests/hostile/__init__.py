"""Those who mean no good, and input that nobody meant: what they get, and what they don't."""
