"""Everything that the first version needs."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    _aggregate(
        "aftercare",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("version_name", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("plan_digest", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
    )
    op.create_index(
        "aftercare_one_live",
        "aftercare",
        ["service", "environment"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    op.create_index(
        "aftercare_recent",
        "aftercare",
        ["service", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "approval",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("aggregate_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.UniqueConstraint("kind", "aggregate_id", "request_id", "person", name="approval_once"),
    )
    op.create_table(
        "approval_request",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("aggregate_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "aggregate_id", "id"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("aggregate_id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("phase_before", sa.Text(), nullable=False),
        sa.Column("phase_after", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("prev_hash"),
    )
    op.create_index(
        "audit_history",
        "audit",
        ["service", "environment", sa.literal_column("at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("audit_of", "audit", ["kind", "aggregate_id", "id"], unique=False)
    _aggregate(
        "chore",
        sa.Column("rollout_id", sa.Text(), nullable=False),
    )
    op.create_index("chore_of", "chore", ["rollout_id"], unique=False)
    _aggregate("notary")
    op.create_table(
        "cron",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("instant", sa.Text(), nullable=False),
        sa.Column("fired_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("job", "instant"),
    )
    _aggregate(
        "duty",
        sa.Column("rollout_id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("due", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
    )
    op.create_index("duty_of", "duty", ["rollout_id", "ended_at"], unique=False)
    _of_open("duty_open", "duty", ["service"])
    _aggregate(
        "incident",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("rollout_id", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
    )
    op.create_index("incident_of", "incident", ["rollout_id"], unique=False)
    op.create_index(
        "incident_recent",
        "incident",
        ["service", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "inbox",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("dedupe", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dedupe"),
    )
    op.create_index(
        "inbox_waiting",
        "inbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state IN ('pending', 'claimed')"),
        postgresql_where=sa.text("state IN ('pending', 'claimed')"),
    )
    op.create_table(
        "known_roles",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("person"),
    )
    _aggregate(
        "lock",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("line", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    _of_open("lock_on", "lock", ["created_at"])
    op.create_table(
        "message",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("ts", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("aggregate_id", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("message_place", "message", ["channel", "ts"], unique=False)
    _aggregate("notice", sa.Column("service", sa.Text(), nullable=False))
    _of_open("notice_open", "notice", ["created_at"])
    op.create_index(
        "notice_recent",
        "notice",
        [sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "observation",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("aggregate_id", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("observation_of", "observation", ["kind", "aggregate_id", "at"], unique=False)
    op.create_table(
        "op",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("service", "environment", "seq", name="op_seq"),
    )
    op.create_table(
        "outbox",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("aggregate_id", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("uncertain", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("outbox_aggregate", "outbox", ["kind", "aggregate_id"], unique=False)
    op.create_index("outbox_stream", "outbox", ["stream", "id"], unique=False)
    op.create_index(
        "outbox_waiting",
        "outbox",
        ["lane", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('pending', 'claimed')"),
        postgresql_where=sa.text("state IN ('pending', 'claimed')"),
    )
    op.create_table(
        "report",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("open", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("noted_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("service", "environment", "source", "id"),
    )
    _aggregate(
        "response",
        sa.Column("rollout_id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
    )
    op.create_index("response_of", "response", ["rollout_id"], unique=False)
    _aggregate(
        "record",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("version_name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    place, active = ["service", "environment"], sa.text("active")
    op.create_index(
        "record_one_active",
        "record",
        place,
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )
    op.create_index("record_recent", "record", [*place, sa.literal_column("created_at DESC")])
    _aggregate(
        "rollout",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("version_name", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("awaiting", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("plan_digest", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("quarantined_artifact", sa.Text(), nullable=True),
    )
    op.create_index(
        "rollout_one_live",
        "rollout",
        ["service", "environment"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    _of_open("rollout_open", "rollout", ["created_at"])
    op.create_index(
        "rollout_quarantine",
        "rollout",
        ["service", "quarantined_artifact"],
        unique=False,
        sqlite_where=sa.text("quarantined_artifact IS NOT NULL"),
        postgresql_where=sa.text("quarantined_artifact IS NOT NULL"),
    )
    op.create_index(
        "rollout_recent",
        "rollout",
        ["service", "environment", sa.literal_column("created_at DESC")],
        unique=False,
    )
    _aggregate(
        "standup",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
    )
    op.create_index(
        "standup_of",
        "standup",
        ["series", sa.literal_column("created_at DESC")],
        unique=False,
    )
    open_ = sa.text("ended_at IS NULL")
    op.create_index(
        "standup_open",
        "standup",
        ["series"],
        unique=True,
        sqlite_where=open_,
        postgresql_where=open_,
    )
    op.create_table(
        "sequence",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service", "environment"),
    )
    op.create_table(
        "subscription",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("address", "service"),
    )


def _aggregate(table: str, *more: sa.Column[Any]) -> None:
    """The table of one kind of aggregate, and the index by which the tick finds what is due."""
    op.create_table(
        table,
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("next_check_at", Instant(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("schema", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        *more,
        sa.PrimaryKeyConstraint("id"),
    )
    some = sa.text("next_check_at IS NOT NULL")
    op.create_index(
        f"{table}_due", table, ["next_check_at"], sqlite_where=some, postgresql_where=some
    )


def _of_open(name: str, table: str, columns: list[str]) -> None:
    """An index of what is not over."""
    some = sa.text("ended_at IS NULL")
    op.create_index(name, table, columns, sqlite_where=some, postgresql_where=some)
