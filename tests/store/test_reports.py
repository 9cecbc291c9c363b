"""What was reported on a service, on both databases."""

from datetime import timedelta
from typing import Any

import msgspec

from bot.domain.reports import Report
from bot.engine.standup_incidents import recoveries
from bot.store.database import Store
from bot.store.queries import reports
from tests.store.toy import NOON

MINUTE = timedelta(minutes=1)
PLACE = ("checkout", "production")


def alarm(id_: str = "f1", **fields: Any) -> Report:
    usual: dict[str, Any] = {"kind": "DiskFull", "at": NOON, "source": "alarm", "level": "critical"}
    return Report(id=id_, **(usual | fields))


async def keep(store: Store, new: Report, service: str = "checkout") -> bool:
    return await store.transact(lambda c: reports.keep(c, service, "production", new, new.at))


async def standing(store: Store, service: str = "checkout") -> list[Report]:
    return await store.transact(lambda c: reports.standing(c, service, "production"))


async def test_what_is_kept_is_found_again_until_it_is_over(store: Store) -> None:
    first, second = alarm("f2"), alarm("f1", at=NOON + MINUTE, detail="é" * 300)
    assert await keep(store, second)
    assert await keep(store, first)
    assert not await keep(store, first)
    assert await keep(store, alarm("f3"), "payments")
    assert await standing(store) == [first, second]
    assert await keep(store, alarm("f2", open=False))
    assert not await keep(store, alarm("f2"))
    assert await standing(store) == [second]
    assert await keep(store, alarm("f2", at=NOON + 2 * MINUTE))
    assert len(await standing(store)) == 2


async def test_how_long_incidents_took_is_known_once_they_are_over(store: Store) -> None:
    def incident(id_: str, **fields: Any) -> Report:
        return alarm(id_, source="incident", kind="major", **fields)

    async def over(new: Report, later: timedelta, service: str = "checkout") -> None:
        await keep(store, new, service)
        ended = msgspec.structs.replace(new, open=False)
        place, at = (service, "production"), new.at + later
        await store.transact(lambda c: reports.keep(c, *place, ended, at))

    await over(incident("before", at=NOON - MINUTE), MINUTE)
    await over(incident("first"), 10 * MINUTE)
    await over(incident("second", at=NOON + MINUTE), 20 * MINUTE)
    await over(incident("elsewhere"), MINUTE, "payments")
    await over(alarm("no incident"), MINUTE)
    await keep(store, incident("open"))
    found = await store.transact(lambda c: recoveries(c, PLACE, NOON))
    assert sorted(found) == [600.0, 1200.0]


async def test_what_still_holds_is_not_forgotten(store: Store) -> None:
    await keep(store, alarm("fires"))
    await keep(store, alarm("over", open=False))
    await keep(store, alarm("said", source="report"))
    later = NOON + timedelta(days=30)
    assert await store.transact(lambda c: reports.prune(c, later)) == 2
    assert [each.id for each in await standing(store)] == ["fires"]


async def test_an_alarm_is_unheard_of_from_its_last_repetition_on_while_it_fires(
    store: Store,
) -> None:
    fires = alarm("fires")
    for each in (fires, alarm("over", open=False), alarm("report", source="report")):
        await keep(store, each)

    async def unheard(before: timedelta) -> list[tuple[str, str]]:
        found = await store.transact(lambda c: reports.unheard(c, NOON + before))
        return [(place, one.id) for place, _, one, _ in found]

    assert await unheard(timedelta()) == []
    assert await unheard(MINUTE) == [("checkout", "fires")]
    await store.transact(lambda c: reports.heard(c, *PLACE, fires, NOON + 5 * MINUTE))
    assert await unheard(5 * MINUTE) == []
    assert await unheard(6 * MINUTE) == [("checkout", "fires")]
    begun_anew = msgspec.structs.replace(fires, at=NOON + MINUTE)
    await store.transact(lambda c: reports.heard(c, *PLACE, begun_anew, NOON + 9 * MINUTE))
    assert await unheard(6 * MINUTE) == [("checkout", "fires")]
