"""Which duties of a release nobody did in time, on both databases."""

from datetime import timedelta

from bot.domain import duties as domain
from bot.domain.duties import HANDLED, Duty
from bot.domain.events import Ticked
from bot.engine import transitions
from bot.engine.duties import duty_kind
from bot.store.database import Store
from bot.store.queries import duties
from tests.store.toy import NOON

HALF = timedelta(minutes=30)


async def begin(store: Store, id_: str, rollout_id: str = "r1", due: str = HANDLED) -> None:
    made = Duty(
        id=id_,
        rollout_id=rollout_id,
        service="checkout",
        environment="production",
        version="v1.2.0",
        due=due,
        about="many fail",
        created_at=NOON,
        due_at=NOON + HALF,
    )
    kind = duty_kind()
    await store.transact(lambda c: transitions.create(c, kind, *domain.begin(made), NOON))


async def test_only_duties_that_were_late_count_each_under_what_was_due(store: Store) -> None:
    for id_, rollout_id, due in (
        ("late", "r1", HANDLED),
        ("in-time", "r1", HANDLED),
        ("other", "r1", "ack"),
        ("elsewhere", "r2", HANDLED),
    ):
        await begin(store, id_, rollout_id, due)
    for id_ in ("late", "other", "elsewhere"):
        await store.transact(
            lambda c, id_=id_: transitions.apply(c, duty_kind(), id_, Ticked(), NOON + HALF)  # type: ignore[misc]
        )
    assert await store.transact(lambda c: duties.late(c, "r1")) == {HANDLED: 1, "ack": 1}
    assert await store.transact(lambda c: duties.late(c, "r3")) == {}
