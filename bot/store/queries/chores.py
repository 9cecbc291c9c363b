"""Which chores there are."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, select

from bot.store.tables import chore


def coming_round(conn: Connection) -> Sequence[RowMapping]:
    """Those that belong to no release, ended ones too, by id."""
    statement = select(chore).where(chore.c.rollout_id == "").order_by(chore.c.id)
    return conn.execute(statement).mappings().all()


def unfinished(conn: Connection) -> Sequence[RowMapping]:
    """Those that are not over."""
    return conn.execute(select(chore).where(chore.c.ended_at.is_(None))).mappings().all()


def of_rollout(conn: Connection, rollout_id: str, *, lock: bool = False) -> Sequence[RowMapping]:
    """Those of a release that are not over, by id."""
    ours = select(chore).where(chore.c.rollout_id == rollout_id, chore.c.ended_at.is_(None))
    ours = ours.order_by(chore.c.id)
    return conn.execute(ours.with_for_update() if lock else ours).mappings().all()
