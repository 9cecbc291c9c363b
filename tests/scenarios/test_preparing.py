"""Before anybody signs: checklists are ticked, checks tick themselves, staging comes first."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain import checklists
from bot.domain.rollout import Phase, Rollout
from bot.engine.promotion import Promotion
from tests.scenarios.world import HOUSE, World

OTHER = "sha256:" + "f" * 64


Reports = Callable[..., Awaitable[Path]]


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """By usual plan: a house whose unit tests say what is in a file, and that file. Read once."""
    made: dict[str, tuple[Path, Path]] = {}

    def house(usual: str) -> tuple[Path, Path]:
        if usual not in made:
            folder = tmp_path_factory.mktemp(usual)
            report = folder / "report"
            text = HOUSE.read_text("utf-8").replace("./plans", str(HOUSE.parent / "plans"))
            text = text.replace("plan: quickstart", f"plan: {usual}", 1)
            more = f'    checks: {{unit_tests: ["/bin/cat", "{report}"]}}\n'
            more += "    plans: {major: prepared}\n" if usual == "quickstart" else ""
            at = "    channel: C0CHECKOUT\n"
            (folder / "countersign.yml").write_text(text.replace(at, f"{at}{more}"), "utf-8")
            made[usual] = folder / "countersign.yml", report
        return made[usual]

    return house


@pytest.fixture
def move_in(world: World, houses: Callable[[str], tuple[Path, Path]]) -> Reports:
    """Gives the file from which the unit tests pass; without one they fail."""

    async def moved(usual: str = "quickstart") -> Path:
        world.house, report = houses(usual)
        report.unlink(missing_ok=True)
        await world.restart()
        return report

    return moved


async def looked_at(world: World, more: str = "", version: str = "v1.2.0") -> Rollout:
    await world.say("mary", f"/release start {version} --plan prepared {more}".rstrip())
    assert f"{version} (`" in world.whisper("mary")
    return await world.until_that(lambda r: r.looked and r.version == version)


async def tick_the_rest(world: World, *, promoted: bool = True) -> None:
    """All that people tick, each as who may. promoted: staging is known to run it."""
    await world.say("grace", "/release tick merged")
    await world.say("grace", "/release tick integration-tests https://ci.test/77")
    await world.say("grace", "/release tick reviews by mary and alan")
    await world.say("grace", "/release tick coverage 81.5 % of the lines")
    await world.say("ada", "/release tick scan")
    if not promoted:
        await world.say("grace", "/release tick unit-tests by hand")


@pytest.mark.requirement("W-002")
async def test_nobody_signs_before_the_required_items_are_done(
    world: World, move_in: Reports
) -> None:
    report = await move_in()
    report.write_text("812 tests passed", "utf-8")
    world.live_in("staging", "v1.2.0")
    await looked_at(world)
    await world.say("ada", "/release approve")
    assert "5 of 7 items are open: Merged; Integration tests; The code was" in world.whisper("ada")
    assert (await world.rollout()).phase is Phase.PREFLIGHT
    assert "2 of 7" in world.card().whole
    assert world.directs("ada") == []
    await tick_the_rest(world)
    asked = await world.until(Phase.AWAITING_APPROVAL)
    assert asked.items["code/unit-tests"].evidence == "812 tests passed"
    assert "staging runs v1.2.0 (sha256:" in asked.items["release/promoted"].evidence
    assert len(world.directs("ada")) == 1
    assert world.said("The code: all 2 required items are done.")
    await world.sign()
    world.step = timedelta(seconds=20)
    done = await world.until(Phase.COMPLETED)
    lists = checklists.of(done)
    passed = {i.id for i in checklists.all_items(lists) if checklists.is_done(done, i, lists)}
    assert passed >= {"signed", "first"}
    ticks = [json.loads(e.event) for e in await world.audit() if "ItemTicked" in e.event]
    assert {(t["gate"], t["actor"]["person"]) for t in ticks} >= {
        ("team/scan", "ada"),
        ("stages/merged", "grace"),
        ("code/unit-tests", "countersign"),
    }


async def test_the_wrong_role_ticks_nothing_in_any_way(world: World, move_in: Reports) -> None:
    await move_in()
    await looked_at(world)
    await world.say("grace", "/release tick scan")
    assert "“The security scan found nothing critical” is for security" in world.whisper("grace")
    await world.click("grace", "checklist")
    refused = await world.act("submit", person="grace", values={"team#0": ["team/scan"]})
    assert "for security to tick" in world.errors("grace")["team#0"]
    assert refused["ok"] is False or world.modal("grace") is not None
    value = next(v for v in world.card().values("tick_item") if "team/scan" in v)
    await world.click("grace", "tick_item", value)
    assert "is for security to tick" in world.whisper("grace")
    assert "team/scan" not in (await world.rollout()).items


async def test_several_items_are_ticked_and_unticked_in_one_dialog(
    world: World, move_in: Reports
) -> None:
    await move_in()
    await looked_at(world)
    await world.say("grace", "/release tick merged")
    await world.click("ada", "checklist")
    ticked = {"release#0": ["release/reviews"], "team#0": ["team/scan"]}
    values = {**ticked, "value:code/coverage": "93%", "evidence": "see https://wiki.test/1"}
    await world.act("submit", person="ada", values=values)
    await world.breathe()
    rollout = await world.rollout()
    assert world.modal("ada") is None
    assert rollout.items["team/scan"].evidence == "see https://wiki.test/1"
    assert rollout.items["code/coverage"].evidence == "93%"
    assert rollout.items["release/reviews"].person == "ada"
    await world.click("alan", "checklist")
    shown = str(world.modal("alan"))
    assert "ada, 21 Nov 12:00 UTC: see https://wiki.test/1" in shown
    await world.act("submit", person="alan", values={"team#0": [], "evidence": "wrong scan"})
    await world.breathe()
    assert "team/scan" not in (await world.rollout()).items
    assert world.said("took the tick back from “The security scan")
    assert world.said("wrong scan")


@pytest.mark.thorough
async def test_an_item_on_the_card_is_ticked_with_its_button(
    world: World, move_in: Reports
) -> None:
    await move_in()
    await looked_at(world)
    first = world.card().values("tick_item")[0]
    assert first.endswith("yes:stages/merged")
    await world.click("grace", "tick_item", first)
    assert (await world.rollout()).items["stages/merged"].person == "grace"
    assert not [v for v in world.card().values("tick_item") if "stages/merged" in v]


@pytest.mark.thorough
async def test_a_check_that_says_no_shows_its_words_and_is_run_again(
    world: World, move_in: Reports
) -> None:
    report = await move_in()
    await looked_at(world)
    await world.until_that(lambda r: "code/unit-tests" in r.items)
    assert "✗ *The unit tests pass*: /bin/cat:" in world.card().whole
    assert world.said("Not yet: The unit tests pass")
    await world.say("grace", "/release tick unit-tests they are fine")
    assert "is checked by the bot" in world.whisper("grace")
    report.write_text("812 tests passed", "utf-8")
    await world.click("grace", "check_again")
    rollout = await world.until_that(lambda r: r.items["code/unit-tests"].ok)
    found = rollout.items["code/unit-tests"]
    assert found.evidence == "812 tests passed"
    await world.say("grace", "/release check")
    rollout = await world.rollout()
    assert not rollout.items["release/promoted"].ok
    report.unlink()
    await world.say("grace", "/release check unit-tests")
    await world.until_that(lambda r: not r.items.get("code/unit-tests", found).ok)


async def in_staging(world: World, version: str) -> None:
    """A release into staging that goes well."""
    await world.say("mary", f"/release start {version} --env staging")
    assert f"{version} (`" in world.whisper("mary")
    there = await world.until(Phase.AWAITING_APPROVAL)
    assert there.environment == "staging"
    for person in ("ada", "grace"):
        await world.say(person, f"/release approve {there.id}")
    world.step = timedelta(seconds=15)
    await world.until(Phase.COMPLETED)
    world.step = timedelta(seconds=1)


@pytest.mark.thorough
@pytest.mark.requirement("W-001")
async def test_only_what_is_live_in_staging_goes_to_production(
    world: World, move_in: Reports
) -> None:
    await move_in()
    await looked_at(world)
    said = (await world.rollout()).items["release/promoted"].evidence
    assert "staging runs v1.0.0 (sha256:" in said
    assert "not v1.2.0 (sha256:" in said
    await in_staging(world, "v1.2.0")
    await world.say("mary", "/release check promoted")
    here = await world.until_that(
        lambda r: r.environment == "staging" or r.items["release/promoted"].ok
    )
    here = next(r for r in await world.rollouts() if r.environment == "production")
    assert here.items["release/promoted"].ok
    assert "is live in staging since t[" in here.items["release/promoted"].evidence
    promotion = Promotion(world.bot.store, world.bot.setup.catalogue)
    day, now = timedelta(days=1), world.clock.now()
    early = await promotion.look(here, day, now)
    assert not early.ok
    assert "it has to be there for 1d" in early.words
    assert (await promotion.look(here, day, now + day)).ok
    await in_staging(world, "v1.3.0")
    assert "v1.2.0 (sha256:" in (gone := await promotion.look(here, timedelta(), now)).words
    assert "was live in staging from t[" in gone.words
    assert gone.ok
    assert not (await promotion.look(here, day, now + 9 * day)).ok


async def test_another_artifact_under_the_same_name_in_staging_is_not_the_same(
    world: World, move_in: Reports
) -> None:
    await move_in()
    world.live_in("staging", "v1.2.0")
    world.retag("v1.2.0", OTHER)
    await looked_at(world)
    promoted = (await world.rollout()).items["release/promoted"]
    assert not promoted.ok
    assert f"not v1.2.0 ({OTHER[:19]}…)" in promoted.evidence


async def test_promote_starts_what_is_live_in_staging(world: World, move_in: Reports) -> None:
    report = await move_in()
    report.write_text("812 tests passed", "utf-8")
    world.live_in("staging", "v1.3.0")
    await world.say("mary", "/release promote --plan prepared --note from staging")
    assert "v1.3.0 (`" in world.whisper("mary")
    rollout = await world.until_that(lambda r: r.looked and len(r.items) == 2)
    assert (rollout.version, rollout.environment) == ("v1.3.0", "production")
    assert rollout.items["release/promoted"].ok
    assert rollout.note == "from staging"
    await world.say("mary", "/release promote --env staging --from staging")
    assert "say with --env where it should go" in world.whisper("mary")


@pytest.mark.thorough
async def test_promote_refuses_what_resolves_to_another_artifact(world: World) -> None:
    world.live_in("staging", "v1.3.0")
    world.retag("v1.3.0", OTHER)
    await world.say("mary", "/release promote")
    assert "v1.3.0 (`" in world.whisper("mary")
    ended = await world.until(Phase.CANCELLED)
    assert f"v1.3.0 is now {OTHER}" in ended.reason


@pytest.mark.thorough
async def test_a_tick_that_is_taken_back_voids_what_was_signed(
    world: World, move_in: Reports
) -> None:
    (await move_in()).write_text("812 tests passed", "utf-8")
    await looked_at(world)
    await world.prepared()
    seen = world.card()
    await world.click("ada", "approve")
    await world.say("alan", "/release untick scan it was last week's")
    back = await world.rollout()
    assert (back.phase, back.request, back.generation) == (Phase.PREFLIGHT, None, 2)
    assert "what was signed is void" in world.card().whole
    await world.click("grace", "approve", seen=seen)
    assert "Not yet. One" not in (told := world.whisper("grace"))
    assert "1 of 7 items are open" in told
    await world.say("ada", "/release tick scan")
    await world.until(Phase.AWAITING_APPROVAL)
    await world.click("grace", "approve", seen=seen)
    assert "out of date" in world.whisper("grace")
    await world.sign()
    assert (await world.rollout()).phase is not Phase.AWAITING_APPROVAL


@pytest.mark.thorough
async def test_an_artifact_that_changed_meanwhile_is_ticked_anew(
    world: World, move_in: Reports
) -> None:
    (await move_in()).write_text("812 tests passed", "utf-8")
    await looked_at(world)
    await world.prepared()
    await world.sign("ada")
    blocked = world.card()
    world.retag("v1.2.0", OTHER)
    await world.sign("grace")
    void = await world.until_that(lambda r: r.generation == 2)
    assert void.phase is Phase.PREFLIGHT
    assert [key for key, each in void.items.items() if each.person != "countersign"] == []
    assert "what was ticked is void" in world.card().whole
    assert blocked.text != world.card().text
    await world.say("mary", "/release cancel")


@pytest.mark.thorough
async def test_a_version_that_is_tagged_anew_while_items_are_open_is_ticked_anew(
    world: World, move_in: Reports
) -> None:
    (await move_in()).write_text("812 tests passed", "utf-8")
    world.live_in("staging", "v1.2.0")
    await looked_at(world)
    world.retag("v1.2.0", OTHER)
    await tick_the_rest(world)
    void = await world.until_that(lambda r: r.generation == 2)
    assert (void.phase, void.artifact) == (Phase.PREFLIGHT, OTHER)
    assert "what was ticked is void" in world.card().whole
    again = await world.until_that(lambda r: "release/promoted" in r.items)
    assert not again.items["release/promoted"].ok


@pytest.mark.thorough
async def test_a_restart_in_the_middle_keeps_every_tick(world: World, move_in: Reports) -> None:
    (await move_in()).write_text("812 tests passed", "utf-8")
    world.live_in("staging", "v1.2.0")
    await looked_at(world)
    await world.say("grace", "/release tick merged")
    await world.restart()
    before = (await world.rollout()).items
    assert set(before) == {"stages/merged", "code/unit-tests", "release/promoted"}
    await world.say("grace", "/release tick integration-tests")
    await world.crash()
    await tick_rest_after(world)
    await world.until(Phase.AWAITING_APPROVAL)


async def tick_rest_after(world: World) -> None:
    await world.say("grace", "/release tick reviews")
    await world.say("grace", "/release tick coverage 90%")
    await world.say("ada", "/release tick scan")


@pytest.mark.thorough
async def test_with_everything_ticked_an_outage_of_the_target_only_delays_the_question(
    world: World, move_in: Reports
) -> None:
    (await move_in()).write_text("812 tests passed", "utf-8")
    world.live_in("staging", "v1.2.0")
    await looked_at(world)
    world.outage = "all"
    await tick_the_rest(world)
    world.step = timedelta(seconds=10)
    waiting = await world.until_that(lambda r: bool(r.reason), timedelta(minutes=5))
    assert waiting.phase is Phase.PREFLIGHT
    assert len(waiting.items) == 7
    world.outage = ""
    await world.until(Phase.AWAITING_APPROVAL)


async def test_the_lists_are_typed_for_with_everybody_who_ticked(
    world: World, move_in: Reports
) -> None:
    await move_in()
    await looked_at(world)
    await world.say("grace", "/release tick merged https://git.test/9")
    answer = await world.act(
        "say", person="alan", channel="checkout", text="/release checklist checkout"
    )
    shown = str(answer["body"])
    assert "✓ *Merged* by <@U0GRACE>" in shown
    assert "https://git.test/9" in shown
    assert "`team/scan`" in shown
    assert "due 14d before the release" in shown
    world.whispers("alan")
    assert "items are open" in await world.say("alan", "/release status")
    world.whispers("alan")


async def test_what_can_not_be_ticked_says_what_to_do(world: World, move_in: Reports) -> None:
    await move_in()
    await looked_at(world)
    refused = {
        "tick scam": "There is no item 'scam'; did you mean 'scan'?",
        "tick coverage 79 %": "79 % is not &gt; 80%",
        "tick coverage": "give the number that was found; it has to be &gt; 80%",
        "untick scan": "“The security scan found nothing critical” is not ticked.",
        "tick integration-tests": "Stages come in order; first: Merged.",
        "tick signed": "“Security has signed” ticks itself.",
        "check scan": "The bot has no check for that item here",
    }
    for text, said in refused.items():
        await world.say("grace", f"/release {text}")
        assert said in world.whisper("grace")


@pytest.mark.thorough
async def test_a_release_without_lists_says_so(world: World) -> None:
    await world.start()
    await world.say("grace", "/release tick scan")
    assert "has no checklists: its plan, quickstart" in world.whisper("grace")


# --- types and labels -----------------------------------------------------------------------


@pytest.mark.thorough
async def test_a_type_chooses_the_plan_and_adds_a_seat(world: World, move_in: Reports) -> None:
    (await move_in()).write_text("fine", "utf-8")
    await world.say("mary", "/release start v2.0.0 --type major --label sensitive")
    assert "v2.0.0 (`" in world.whisper("mary")
    await world.until_that(lambda r: r.looked)
    asked = await world.prepared()
    assert asked.the_plan.name == "prepared"
    assert (asked.type, asked.labels) == ("major", ("sensitive",))
    assert asked.request is not None
    assert asked.request.seats == ("security", "operations", "product")
    assert "*Kind:* major · sensitive" in world.card().whole
    await world.sign("ada", "grace")
    assert (await world.rollout()).phase is Phase.AWAITING_APPROVAL
    await world.sign("alan")
    assert (await world.rollout()).phase is not Phase.AWAITING_APPROVAL


async def test_a_type_or_label_that_nobody_knows_starts_nothing(world: World) -> None:
    refused = {
        "--type majr": "I know no type 'majr'; did you mean 'major'?",
        "--plan prepared --label sensitiv": "knows no label 'sensitiv'; did you mean 'sensitive'?",
        "--label sensitive": "quickstart knows no label 'sensitive'; it has no labels",
    }
    for text, said in refused.items():
        await world.say("mary", f"/release start v1.2.0 {text}")
        assert said in world.whisper("mary")
    assert await world.rollouts() == []


@pytest.mark.thorough
async def test_a_plan_for_another_type_is_taken_only_when_it_is_named(
    world: World, move_in: Reports
) -> None:
    await move_in("prepared")
    await world.say("mary", "/release start v1.2.0 --type hotfix")
    told = world.whisper("mary")
    assert "prepared is not for hotfix releases." in told
    assert "`plans: {hotfix: PLAN}` for checkout" in told
    await world.say("mary", "/release start v1.2.0 --type hotfix --plan quickstart")
    assert "v1.2.0 (`" in world.whisper("mary")
    assert (await world.until(Phase.AWAITING_APPROVAL)).type == "hotfix"
    await world.say("mary", "/release start v1.3.0")
    assert "v1.3.0 (`" in world.whisper("mary")
    assert (await world.rollout()).type == "feature"


async def test_type_and_labels_are_chosen_in_the_form(world: World, move_in: Reports) -> None:
    await move_in()
    await world.say("mary", "/release")
    form = {"version": "v2.0.0", "type": "major", "labels": ["sensitive", "user-facing"]}
    await world.act("submit", person="mary", values={"service": "checkout", **form})
    await world.breathe()
    world.whispers("mary")
    rollout = await world.until_that(lambda r: r.looked)
    assert (rollout.type, rollout.labels) == ("major", ("sensitive", "user-facing"))
    await world.say("mary", "/release")
    wrong = {"version": "v1.0.9", "labels": ["sensitive"]}
    await world.act("submit", person="mary", values={"service": "checkout", **wrong})
    assert "quickstart knows no label" in world.errors("mary")["labels"]


async def test_a_preview_says_what_comes_first_and_who_signs(world: World) -> None:
    answer = await world.say("mary", "/release preview v2.0.0 --plan prepared --type major")
    assert "First: Stages (2 items)" in answer
    assert "First: The code (2 items, due 14d before)" in answer
    assert "Signed by: security, operations, product" in answer
    world.whispers("mary")
