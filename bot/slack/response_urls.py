"""Which addresses may be answered to."""

from urllib.parse import urlsplit

HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
"""Where Slack's own response_urls lead to."""


def is_slacks(url: str, api: str) -> bool:
    """Whether a response_url leads to Slack: what a person is told goes to nobody else.

    api: where the API is; a stand-in's response_urls are beside it.
    """
    try:
        there, here = urlsplit(url), urlsplit(api)
        same = (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
    except ValueError:
        return False
    return same or (there.scheme == "https" and there.netloc in HOSTS)
