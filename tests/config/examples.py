"""Configurations that tests begin with."""

EXAMPLE = """\
schema: 1
commands: {release: /release, rollback: /rollback}       # only those that differ
plans: [./plans]                                         # own plans; the built-in ones stay
channels: {default: C0RELEASES, critical: C0CRITICAL, warning: C0WARNING}
people:                                                  # one entry per human being
  ada:   {slack: [U0ADA], email: ada@example.com}
  grace: {slack: [U0GRACE, U0GRACE2]}
roles:
  security:   {people: [ada]}
  operations: {people: [grace], groups: [S0OPS]}         # Slack user groups too
services:
  checkout:
    channel: C0CHECKOUT
    plan: whispercache-canary
    environments:
      production:
        deployer:
          kind: haproxy
          sockets: ["unix:/run/haproxy/admin.sock"]      # or tcp:127.0.0.1:9999
          backend: checkout
          slots: [blue, green]
          prepare: {command: ["./install", "{slot}", "{version}", "{artifact}"], timeout: 10m}
        metrics:
          kind: prometheus
          url: http://127.0.0.1:9090
          tracks: {canary: 'server="{candidate}"', baseline: 'server="{current}"'}
          define:
            error_rate:
              kind: ratio
              bad: 'haproxy_server_http_responses_total{code="5xx",$track}'
              total: 'haproxy_server_http_responses_total{$track}'
        probe: {health: "http://10.0.0.5/health", ready: "http://10.0.0.5/ready"}
"""

SMALL = """\
schema: 1
channels: {default: C0RELEASES}
people:
  ada:   {slack: [U0ADA]}
  grace: {slack: [U0GRACE]}
roles:
  operations: {people: [ada, grace]}
services:
  checkout:
    plan: quickstart
    environments:
      production:
        deployer: {kind: http, url: "http://127.0.0.1:8801"}
        metrics: {kind: deployer, url: "http://127.0.0.1:8801"}
"""
"""Two people, one service, everything that the quickstart plan asks for."""

SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-never-shown-token",
    "SLACK_SIGNING_SECRET": "never-shown-signing",
    "COUNTERSIGN_HOOK_TOKEN": "never-shown-hook",
    "COUNTERSIGN_DEPLOYER_SECRET": "never-shown-deployer",
    "COUNTERSIGN_DATABASE_URL": "postgresql+asyncpg://bot:never-shown-password@127.0.0.1/db",
}
