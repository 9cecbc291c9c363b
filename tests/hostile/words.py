"""Words that nobody types on purpose, and those that somebody does."""

from hypothesis import strategies as st

VERBS = (
    *("start", "status", "show", "list", "history", "pause", "resume", "advance", "step-back"),
    *("extend", "cancel", "approve", "reject", "withdraw", "preview", "lock", "unlock", "tick"),
    *("stop-the-line", "start-the-line", "event", "report", "incident", "promote", "check"),
    *("help", "rollback", "confirm", "choose", "unquarantine", "declare", "update", "resolve"),
    *("maintenance", "now", "render", "skip"),
)

NASTY = (
    "<!channel>",
    "<!here|x>",
    "<@U0ADA>",
    "<@U0ADA|ada> <#C0CRITICAL|critical>",
    "<https://evil.example|checkout>",
    "@[ada] t[1]",
    "t[99999999999]",
    "{{7*7}} {% for x in y %}",
    "{slot} {version} %s %n",
    "`rm -rf /` $(reboot) ;rm|x",
    "../../../etc/passwd",
    "v1.2.0\n",
    "v\uff11.2.0",
    "\u202e0.2.1v",
    "v1\u200b.2.0",
    "'; DROP TABLE rollout; --",
    '"' * 30,
    "\u201c\u201d\u2014",
    "--",
    "--env",
    "--env=",
    "—note",
    "*bold* _it_ ~no~ > quote",
    "&lt;!channel&gt;",
    "&amp;lt;",
    "\x00\x07\x1b[31m",
    "\ud7ff\ue000",
    "\U0001d5671.2.0 \U0001f469\u200d\U0001f467",
    "9" * 400,
    "v" + "9" * 60 + ".0.0",
    "x" * 1990,
    "ẞ" * 1500,
    "payload={}",
)

KNOWN = ("checkout", "payments", "production", "staging", "v1.2.0", "v1.1.0", "5m", "quickstart")

words = st.one_of(
    st.sampled_from(NASTY), st.sampled_from(KNOWN), st.text(max_size=12), st.sampled_from(VERBS)
)
"""One word, likely or not."""

lines = st.builds(
    lambda verb, rest: " ".join([verb, *rest])[:4000],
    st.one_of(st.sampled_from(VERBS), words),
    st.lists(words, max_size=5),
)
"""What may stand behind a slash command."""

commands = st.sampled_from(["/release", "/rollback", "/incident", "/notice", "/standup"])
