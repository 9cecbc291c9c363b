"""A database can be brought up to date with its rows, and ends up as the tables say."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from bot.store import migrations
from bot.store.database import Store
from bot.store.tables import metadata
from tests.store.databases import Databases
from tests.store.test_transitions import begin, load


async def test_an_empty_database_is_at_no_revision_and_then_at_the_newest(
    databases: Databases,
) -> None:
    url = await databases.empty()
    store = await Store.open(url)
    assert await store.transact(migrations.revision_of) is None
    await store.close()
    await migrations.upgrade(url)
    assert await migrations.current(url) == migrations.newest()


async def test_migrating_twice_changes_nothing_and_keeps_the_rows(store: Store) -> None:
    before = await begin(store)
    await migrations.upgrade_store(store)
    assert await load(store) == before


async def test_an_older_program_says_what_to_do_with_a_newer_database(store: Store) -> None:
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await store.transact(lambda conn: conn.execute(newer))
    with pytest.raises(migrations.NewerDatabaseError, match=r"revision 9999.*Run that version"):
        await migrations.upgrade_store(store)
    assert await store.transact(migrations.revision_of) == "9999"


async def test_the_migrated_schema_is_what_the_tables_say(store: Store) -> None:
    def differences(conn: Connection) -> list[object]:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert await store.transact(differences) == []


async def test_the_rules_of_the_database_are_there_after_migration(store: Store) -> None:
    def partial(conn: Connection) -> dict[str, str]:
        if conn.dialect.name == "postgresql":
            query = "SELECT indexname, indexdef FROM pg_indexes WHERE indexdef LIKE '% WHERE %'"
        else:
            query = "SELECT name, sql FROM sqlite_master WHERE sql LIKE '% WHERE %'"
        return {row[0]: row[1] for row in conn.execute(text(query))}

    found = await store.transact(partial)
    assert {"rollout_one_live", "rollout_due", "outbox_waiting", "inbox_waiting"} <= set(found)
    assert "UNIQUE" in found["rollout_one_live"]


async def test_every_index_of_the_tables_exists(store: Store) -> None:
    def missing(conn: Connection) -> set[str]:
        looked = inspect(conn)
        there = {i["name"] for t in metadata.tables for i in looked.get_indexes(t)}
        return {str(i.name) for t in metadata.tables.values() for i in t.indexes} - there

    assert await store.transact(missing) == set()
