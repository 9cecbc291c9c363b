"""The tables, and the rules that the database itself keeps.

What must never happen (two live rollouts on one target, two signatures of one person, a fork in
the audit chain) is forbidden here by unique indexes, so that no code path can get around it.

Text has no length here: SQLite would not check one, and PostgreSQL would refuse at run time what
everybody has tried on SQLite.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

_SORTABLE = "%Y-%m-%dT%H:%M:%S.%fZ"


class Instant(TypeDecorator[datetime]):
    """A point in time: aware in Python; text of one width on SQLite, so that it sorts as text."""

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Raises ValueError for a datetime without a zone: nobody can tell which instant it is."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.strftime(_SORTABLE)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            moment: datetime = value
            return moment.astimezone(UTC)
        return datetime.strptime(value, _SORTABLE).replace(tzinfo=UTC)


metadata = MetaData()

_BIG_ID = BigInteger().with_variant(Integer, "sqlite")
_OPEN = text("ended_at IS NULL")


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def aggregate_table(name: str, *more: Column[Any]) -> Table:
    """The table of one kind of aggregate: what every kind needs, and `more` of its own.

    Its rows are written by `bot.engine.transitions` alone. state: the aggregate as JSON.
    next_check_at: when a tick looks at it, NULL: never. schema: the oldest program that
    understands the row.
    """
    return Table(
        name,
        metadata,
        Column("id", Text, primary_key=True),
        Column("phase", Text, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("fence", BigInteger, nullable=False),
        Column("next_check_at", Instant),
        Column("lease_owner", Text),
        Column("lease_until", Instant),
        Column("schema", Integer, nullable=False, server_default=text("1")),
        Column("state", Text, nullable=False),
        Column("created_at", Instant, nullable=False),
        Column("ended_at", Instant),
        *more,
        Index(
            f"{name}_due",
            "next_check_at",
            sqlite_where=text("next_check_at IS NOT NULL"),
            postgresql_where=text("next_check_at IS NOT NULL"),
        ),
    )


def _one(name: str, of: Table, flag: str) -> None:
    """At most one row per target has this flag."""
    where = text(flag)
    place = (of.c.service, of.c.environment)
    Index(name, *place, unique=True, sqlite_where=where, postgresql_where=where)


rollout = aggregate_table(
    "rollout",
    Column("service", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("version_name", Text, nullable=False),
    _flag("live"),
    _flag("awaiting"),
    Column("plan_digest", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("quarantined_artifact", Text),
)
duty = aggregate_table(
    "duty",
    Column("rollout_id", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("due", Text, nullable=False),
    Column("subject", Text, nullable=False),
)
Index("duty_of", duty.c.rollout_id, duty.c.ended_at)
Index("duty_open", duty.c.service, sqlite_where=_OPEN, postgresql_where=_OPEN)
standup = aggregate_table(
    "standup",
    Column("series", Text, nullable=False),
    Column("channel", Text, nullable=False),
)
Index("standup_of", standup.c.series, standup.c.created_at.desc())
Index(
    "standup_open",
    standup.c.series,
    unique=True,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)
response = aggregate_table(
    "response",
    Column("rollout_id", Text, nullable=False),
    Column("service", Text, nullable=False),
)
Index("response_of", response.c.rollout_id)
_one("rollout_one_live", rollout, "live")
Index("rollout_recent", rollout.c.service, rollout.c.environment, rollout.c.created_at.desc())
Index("rollout_open", rollout.c.created_at, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index(
    "rollout_quarantine",
    rollout.c.service,
    rollout.c.quarantined_artifact,
    sqlite_where=text("quarantined_artifact IS NOT NULL"),
    postgresql_where=text("quarantined_artifact IS NOT NULL"),
)

lock = aggregate_table(
    "lock",
    Column("service", Text, nullable=False),
    Column("environment", Text, nullable=False),
    _flag("line"),
)
Index("lock_on", lock.c.created_at, sqlite_where=_OPEN, postgresql_where=_OPEN)

aftercare = aggregate_table(
    "aftercare",
    Column("service", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("version_name", Text, nullable=False),
    _flag("live"),
    Column("plan_digest", Text, nullable=False),
    Column("plan", Text, nullable=False),
)
_one("aftercare_one_live", aftercare, "live")
Index("aftercare_recent", aftercare.c.service, aftercare.c.created_at.desc())

chore = aggregate_table("chore", Column("rollout_id", Text, nullable=False))
Index("chore_of", chore.c.rollout_id)
notary = aggregate_table("notary")
notice = aggregate_table("notice", Column("service", Text, nullable=False))
Index("notice_open", notice.c.created_at, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("notice_recent", notice.c.created_at.desc())

record = aggregate_table(
    "record",
    Column("service", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("version_name", Text, nullable=False),
    _flag("active"),
)
_one("record_one_active", record, "active")
Index("record_recent", record.c.service, record.c.environment, record.c.created_at.desc())

_OF_INCIDENT = ("service", "environment", "rollout_id", "about")
incident = aggregate_table("incident", *(Column(n, Text, nullable=False) for n in _OF_INCIDENT))
Index("incident_of", incident.c.rollout_id)
Index("incident_recent", incident.c.service, incident.c.created_at.desc())

sequence = Table(
    "sequence",
    metadata,
    Column("service", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("last", BigInteger, nullable=False),
    PrimaryKeyConstraint("service", "environment"),
)

op = Table(
    "op",
    metadata,
    Column("key", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("service", "environment", "seq", name="op_seq"),
)

approval_request = Table(
    "approval_request",
    metadata,
    Column("kind", Text, nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("closed_at", Instant),
    PrimaryKeyConstraint("kind", "aggregate_id", "id"),
)

approval = Table(
    "approval",
    metadata,
    Column("kind", Text, nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("comment", Text, nullable=False),
    UniqueConstraint("kind", "aggregate_id", "request_id", "person", name="approval_once"),
)

_WAITING = text("state IN ('pending', 'claimed')")

inbox = Table(
    "inbox",
    metadata,
    Column("id", _BIG_ID, primary_key=True, autoincrement=True),
    Column("dedupe", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Instant),
    Column("finished_at", Instant),
    Column("error", Text),
    Index("inbox_waiting", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _BIG_ID, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("schema", Integer, nullable=False),
    Column("lane", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    _flag("uncertain"),
    Column("created_at", Instant, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Instant),
    Column("finished_at", Instant),
    Column("error", Text),
    Index("outbox_waiting", "lane", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
    Index("outbox_stream", "stream", "id"),
    Index("outbox_aggregate", "kind", "aggregate_id"),
)

observation = Table(
    "observation",
    metadata,
    Column("id", _BIG_ID, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("seen", Text, nullable=False),
    Index("observation_of", "kind", "aggregate_id", "at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("phase_before", Text, nullable=False),
    Column("phase_after", Text, nullable=False),
    Column("prev_hash", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False),
)
Index("audit_history", audit.c.service, audit.c.environment, audit.c.at.desc(), audit.c.id.desc())
Index("audit_of", audit.c.kind, audit.c.aggregate_id, audit.c.id)

message = Table(
    "message",
    metadata,
    Column("key", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("ts", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("message_place", message.c.channel, message.c.ts)

known_roles = Table(
    "known_roles",
    metadata,
    Column("person", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

cron = Table(
    "cron",
    metadata,
    Column("job", Text, nullable=False),
    Column("instant", Text, nullable=False),
    Column("fired_at", Instant, nullable=False),
    PrimaryKeyConstraint("job", "instant"),
)

report = Table(
    "report",
    metadata,
    Column("service", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("detail", Text, nullable=False),
    _flag("open"),
    Column("level", Text, nullable=False),
    Column("noted_at", Instant, nullable=False),
    PrimaryKeyConstraint("service", "environment", "source", "id"),
)

subscription = Table(
    "subscription",
    metadata,
    Column("address", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("address", "service"),
)
