"""The conversation with people: what Slack delivers, and what they read and press there."""
