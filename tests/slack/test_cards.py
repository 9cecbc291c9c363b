"""Every message and view in every phase is one that Slack takes, and says what it has to say."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.gates import Verdict
from bot.domain.policy import decode, legal_actions
from bot.domain.reports import Report
from bot.domain.rollout import Phase, Rollout, Tick
from bot.engine.presenting import Presenter
from bot.ports import Message
from bot.practice import blocks as standin
from bot.slack.buttons import DECLARE_FROM_CARD
from bot.slack.cards import Cards
from bot.slack.checklists import CHECK_AGAIN, CHECKLIST
from bot.slack.sections import bar, sparkline
from tests.blockkit import check_message, check_view
from tests.domain import builders as b
from tests.domain.builders import NOW, in_phase, soaking
from tests.domain.test_at_a_glance import second_wave
from tests.fakes.rollouts import ACCOUNTS, HOSTILE, LONG, SCENES, with_finding
from tests.requirements.acting import plans

LINK = "https://example.slack.com/archives/C0CHECKOUT/p1"
CARDS = Cards(ACCOUNTS, lambda _id: LINK)
AS_THE_ENGINE_SEES_IT: Presenter = CARDS
Block = Mapping[str, Any]


def fits(message: Message) -> None:
    check_message({"text": message.text, "blocks": list(message.blocks)})
    assert standin.message_problems(list(message.blocks)) == []


def words(message: Message) -> str:
    return json.dumps(message.blocks, ensure_ascii=False)


def objects(value: Any) -> Iterator[Block]:
    if isinstance(value, Mapping):
        yield value
        for each in value.values():
            yield from objects(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from objects(each)


def buttons(message: Message) -> list[Block]:
    return [each for each in objects(message.blocks) if each.get("type") == "button"]


@pytest.mark.parametrize("scene", SCENES)
def test_everything_said_about_a_rollout_is_taken_by_slack(scene: str) -> None:
    rollout = SCENES[scene]()
    fits(CARDS.card(rollout, NOW))
    fits(CARDS.thread(rollout, rollout.reason or "Moving 5 % to v1.2.0."))
    fits(CARDS.page(rollout, rollout.reason or "Look", "C0CRITICAL"))
    for purpose in ("release", "rollback"):
        fits(CARDS.ask(rollout, purpose, LINK, False, NOW))
        fits(CARDS.ask(rollout, purpose, "", True, NOW))


@pytest.mark.parametrize("scene", SCENES)
def test_a_home_tab_with_any_rollout_in_any_part_is_taken_by_slack(scene: str) -> None:
    rollout = SCENES[scene]()
    for waiting, live, recent in (([rollout], [], []), ([], [rollout], []), ([], [], [rollout])):
        view = CARDS.home("U0ADA", "ada", waiting, live, recent, NOW)
        check_view(view)
        assert standin.view_problems(dict(view), "home") == []


def test_a_home_tab_full_of_rollouts_still_fits() -> None:
    many = [msgspec.structs.replace(make(), id=f"r{n}") for n, make in enumerate(SCENES.values())]
    crowd = [msgspec.structs.replace(r, id=f"{r.id}-{n}") for n in range(4) for r in many]
    check_view(CARDS.home("U0ADA", "ada", crowd, crowd, crowd, NOW))


def test_an_empty_home_tab_says_so() -> None:
    view = CARDS.home("U0NEW", "", [], [], [], NOW)
    check_view(view)
    assert "Nothing waits for you." in json.dumps(view)


def headings(view: Mapping[str, Any]) -> list[str]:
    return [block["text"]["text"] for block in view["blocks"] if block["type"] == "header"]


def test_the_home_tab_asks_only_those_who_can_still_sign_and_lists_nothing_twice() -> None:
    half = SCENES["half signed"]()
    done = in_phase(Phase.COMPLETED)
    done = msgspec.structs.replace(done, id="r2")
    for_grace = CARDS.home("U0GRACE", "grace", [half], [], [half, done], NOW)
    assert headings(for_grace) == ["Waiting for you (1)", "Under way", "Lately (1)"]
    for_ada = CARDS.home("U0ADA", "ada", [half], [], [half, done], NOW)
    assert headings(for_ada) == ["Waiting for you", "Under way (1)", "Lately (1)"]
    for_mary = CARDS.home("U0MARY", "mary", [half], [], [], NOW)
    assert headings(for_mary) == ["Waiting for you", "Under way (1)", "Lately"]


APART = {"tick_item", "choose", CHECKLIST, CHECK_AGAIN, DECLARE_FROM_CARD}
"""Buttons that stand beside what they are about, not in the row of the card."""


def test_the_ways_to_go_on_are_offered_each_with_its_button_and_with_who_stands_by() -> None:
    message = CARDS.card(SCENES["choosing"](), NOW)
    check_message({"text": message.text, "blocks": list(message.blocks)})
    offered = [b for b in buttons(message) if b["action_id"] == "choose"]
    assert [decode(button["value"]).argument for button in offered] == [
        "hotfix", "rollback", "workaround", "observe",
    ]  # fmt: skip
    said = str(message.blocks)
    assert "support stand by until" in said
    assert "chosen: workaround" in said


def test_the_card_of_a_ramp_says_how_far_it_is_and_whom_it_is_for() -> None:
    said = str(CARDS.card(SCENES["climbing"](), NOW).blocks)
    assert "a step every 1m, up to 100 %" in said
    assert "for beta group" in said


@pytest.mark.parametrize("scene", SCENES)
def test_the_buttons_of_a_card_are_the_legal_ones_and_carry_what_was_seen(scene: str) -> None:
    rollout = SCENES[scene]()
    shown = buttons(CARDS.card(rollout, NOW))
    pressed = [button["action_id"] for button in shown if button["action_id"] not in APART]
    assert pressed == [act.press for act in legal_actions(rollout)]
    for button in shown:
        value = decode(button["value"])
        assert value.rollout_id == rollout.id
        assert len(button["value"]) <= 2000


@pytest.mark.parametrize("scene", SCENES)
def test_danger_asks_again_and_names_what_it_is_about(scene: str) -> None:
    rollout = SCENES[scene]()
    if "hostile" in scene:
        return
    for button in buttons(CARDS.card(rollout, NOW)):
        danger = button["action_id"] in {"rollback", "break_glass"}
        assert (button.get("style") == "danger") is danger
        assert ("confirm" in button) is danger
        if danger:
            asked = json.dumps(button["confirm"], ensure_ascii=False)
            assert all(word in asked for word in ("checkout", "production", "v1.2.0", "v1.1.0"))


@pytest.mark.parametrize("scene", [name for name in SCENES if "hostile" not in name])
def test_the_text_alone_says_what_where_and_how_it_stands(scene: str) -> None:
    rollout = SCENES[scene]()
    text = CARDS.card(rollout, NOW).text
    assert text.startswith("checkout v1.2.0 → production: ")
    assert len(text) > 60


def test_a_hostile_rollout_mentions_links_and_hides_nothing() -> None:
    for scene in ("hostile", "hostile live"):
        rollout = SCENES[scene]()
        messages = [
            CARDS.card(rollout, NOW),
            CARDS.thread(rollout, LONG),
            CARDS.page(rollout, LONG, "C0CRITICAL"),
            CARDS.ask(rollout, "release", LINK, False, NOW),
        ]
        for message in messages:
            everything = message.text + words(message)
            for evil in ("<!channel>", "<https://evil", "\u202e", "\u200b", "\x00"):
                assert evil not in everything
            assert "\\u0000" not in everything


def test_user_text_in_mrkdwn_is_never_parsed_for_names() -> None:
    card = CARDS.card(SCENES["hostile"](), NOW)
    texts = [each for each in objects(card.blocks) if each.get("type") == "mrkdwn"]
    assert texts
    assert all(each["verbatim"] is True for each in texts)


def test_the_card_shows_value_limit_course_and_verdict_of_a_gate_in_words() -> None:
    shown = words(CARDS.card(with_finding(Verdict.PASS), NOW))
    assert "✓ Passing: *error_rate &lt; 1%* 0.04% of 2,310 requests, limit 1%" in shown
    assert "▁▂·▃█" in shown


def test_an_open_gate_says_its_counts_what_it_takes_and_what_can_be_done() -> None:
    asks = b.plan(waves=(b.wave("p5", 5.0, on_inconclusive="ask"), b.wave("p100", 100.0)))
    later = NOW + timedelta(minutes=30)
    thin = b.step(soaking(asks), b.counted(1, 60, 30), later)
    card = CARDS.card(thin, later)
    fits(card)
    assert (
        "… Not enough data: *error_rate &lt; 1%* 1 error in 60 requests (1.67%, limit 1%): needs "
        "about 79 more clean requests, about 40 min at 2/min; 5 more errors in a row would break "
        "the limit"
    ) in words(card)
    labels = [each["text"]["text"] for each in buttons(card)]
    assert labels == [
        "Advance to 100 %", "Extend the soak", "Pause", "Roll back", "Declare an incident…",
    ]  # fmt: skip


def test_a_gate_that_would_pass_is_called_passing_while_it_soaks() -> None:
    early = b.step(soaking(), b.counted(0, 5000, 1), NOW + timedelta(minutes=1))
    shown = words(CARDS.card(early, NOW))
    assert "✓ Passing: *error_rate &lt; 1%* 0 errors in 5,000 requests" in shown
    assert "it would pass, but the soak goes on" in shown


def test_the_clock_says_how_long_until_when() -> None:
    short = msgspec.structs.replace(soaking(), soak_done=timedelta(minutes=29, seconds=48))
    shown = words(CARDS.card(short, NOW))
    assert "12s of 30m left, until <!date^" in shown
    assert "{time_secs}" in shown


def test_signatures_turn_into_who_and_when_and_what_is_missing_stays_open() -> None:
    shown = words(CARDS.card(SCENES["half signed"](), NOW))
    assert "✓ any role: <@U0ADA>, <!date^" in shown
    assert "○ any role: still missing" in shown
    assert "1 more to sign" in shown


def test_of_seats_with_one_name_the_first_to_sign_stands_first() -> None:
    half = SCENES["half signed"]()
    assert half.request is not None
    first = half.request.signatures[0]
    later = msgspec.structs.replace(
        first, person="grace", user_id="U0GRACE", at=first.at + timedelta(minutes=1)
    )
    for order in ((first, later), (later, first)):
        request = msgspec.structs.replace(half.request, signatures=order)
        shown = words(CARDS.card(msgspec.structs.replace(half, request=request), NOW))
        assert shown.index("✓ any role: <@U0ADA>") < shown.index("✓ any role: <@U0GRACE>")


def test_a_trigger_that_has_begun_to_count_is_shown_with_what_it_would_do() -> None:
    shown = words(CARDS.card(SCENES["close to rollback"](), NOW))
    assert "Close to rollback: *error_rate &gt; 5%* 6% over 2s, 1 of 2 in a row" in shown
    assert "Alert: *Errors are up* 3%. Look at the log" in shown


def test_an_open_question_has_a_yes_and_a_no() -> None:
    shown = buttons(CARDS.card(SCENES["questions"](), NOW))
    values = [b["value"] for b in shown if b["action_id"] == "tick_item"]
    assert [decode(value).argument for value in values] == [
        "yes:fine",
        "no:fine",
        "yes:nice",
        "no:nice",
    ]


def test_answers_are_shown_with_who_when_and_on_what_ground() -> None:
    shown = words(CARDS.card(SCENES["questions answered"](), NOW))
    assert "✓ Yes: *Does checkout feel right?* by <@U0MARY>, <!date^" in shown
    assert ": &lt;b&gt;" in shown


def test_a_release_by_name_says_that_it_has_no_digest() -> None:
    assert "released by name" in words(CARDS.card(SCENES["by name"](), NOW))


def test_the_digest_that_is_signed_is_on_the_card_and_in_the_request() -> None:
    rollout = in_phase(Phase.AWAITING_APPROVAL)
    assert rollout.request is not None
    digest = rollout.request.digest[:12]
    assert digest in words(CARDS.card(rollout, NOW))
    asked = CARDS.ask(rollout, "release", LINK, False, NOW)
    assert digest in words(asked)
    assert LINK in words(asked)
    assert "<@U0MARY> asks to release v1.2.0" in asked.text


def test_a_reminder_says_that_it_is_one() -> None:
    rollout = in_phase(Phase.AWAITING_APPROVAL)
    assert "Still waiting" in CARDS.ask(rollout, "release", LINK, True, NOW).text


def test_a_rollback_with_signatures_says_what_the_glass_is_for() -> None:
    shown = words(CARDS.card(SCENES["asked back"](), NOW))
    assert "orders get lost" in shown
    assert "Approve the rollback" in shown
    assert "Break glass: roll back now" in shown


def test_a_card_is_the_same_for_the_same_state_and_instant() -> None:
    assert CARDS.card(soaking(), NOW) == CARDS.card(soaking(), NOW)


def test_a_bar_shows_any_traffic_at_all_and_never_more_than_there_is_room_for() -> None:
    assert [bar(w).count("▰") for w in (0, 0.5, 5, 25, 50, 99, 100, 400)] == [
        0, 1, 1, 2, 5, 10, 10, 10,
    ]  # fmt: skip
    assert all(len(bar(w)) == 10 for w in (0, 5, 400))


def test_a_course_needs_two_points_and_shows_gaps_as_gaps() -> None:
    assert sparkline((0.1,), 1.0) == ""
    assert sparkline((None, None, 0.1), None) == ""
    assert sparkline((0.0, None, 1.0), None) == "▁·█"
    assert sparkline((0.0, 0.0), 0.0) == "▁▁"
    assert sparkline((0.0, 0.5), 1.0) == "▁▅"


def test_hostile_words_in_a_log_line_keep_their_tokens_only() -> None:
    said = CARDS.thread(soaking(), f"@[ada] said: {HOSTILE}").text
    assert said.startswith("<@U0ADA> said: &lt;!channel&gt;")


def every_rollout() -> list[Rollout]:
    return [make() for make in SCENES.values()]


def test_a_card_has_one_set_of_buttons_with_one_that_stands_out() -> None:
    for rollout in every_rollout():
        rows = [b for b in CARDS.card(rollout, NOW).blocks if b["type"] == "actions"]
        for row in rows:
            assert sum(e.get("style") == "primary" for e in row["elements"]) <= 1


# --- at a glance ------------------------------------------------------------------------------


@pytest.mark.requirement("B-104", "B-105", "B-106", "B-107", "B-108")
def test_the_card_says_at_a_glance_where_it_is_how_it_is_and_what_is_open() -> None:
    reports = (
        Report("critical", "i1", NOW, "orders get lost", source="incident", open=False),
        Report("DiskFull", "f1", NOW + timedelta(minutes=5), source="alarm", level="warning"),
    )
    later = NOW + timedelta(hours=2)
    card = CARDS.card(second_wave(reports=reports), later)
    fits(card)
    shown = words(card)
    assert "*25 %* of the traffic · wave 2 of 4" in shown
    assert (
        "! *Strained* · day 1 of 8 · incidents: 0 critical · alerts: 0 critical, 1 warning · "
        "last issue: DiskFull, <!date^"
    ) in shown
    numbers = next(block["fields"] for block in card.blocks if "fields" in block)
    assert [field["text"] for field in numbers] == [
        "*error rate*\n0.319%  (↓ 2.48 pp)",
        "*success rate*\n99.7%  (↑ 2.48 pp)",
        "*latency p99*\n400ms  (↓ 100ms)",
        "*memory*\n125 MB  (↑ 5 MB)",
        "*requests per second*\n2  (↑ 1.722)",
    ]
    assert "In brackets: against wave 1" in shown
    quiet = words(CARDS.card(second_wave(), later))
    assert "✓ *Healthy*" in quiet
    assert "last issue: none" in quiet


def test_an_incident_that_is_the_last_issue_is_named() -> None:
    only = (Report("critical", "i1", NOW, "orders <b>get</b> lost", source="incident"),)
    shown = words(CARDS.card(second_wave(reports=only), NOW))
    assert "✗ *Failing*" in shown
    assert "last issue: critical incident: orders &lt;b&gt;get&lt;/b&gt; lost, <!date^" in shown


@pytest.mark.requirement("B-109")
@pytest.mark.parametrize(
    ("phase", "wanted"),
    [
        (Phase.SOAKING, {"pause", "rollback"}),
        (Phase.JUDGING, {"advance", "pause", "rollback"}),
        (Phase.PAUSED, {"resume", "rollback"}),
    ],
)
def test_the_card_goes_on_goes_back_and_pauses_by_buttons(phase: Phase, wanted: set[str]) -> None:
    asked = [gate.id for gate in second_wave().current_wave.gates if gate.kind != "if"]
    release = second_wave(phase=phase, ticks=tuple(Tick(id_, True, "ada", NOW) for id_ in asked))
    shown = {button["action_id"] for button in buttons(CARDS.card(release, NOW))}
    assert wanted <= shown


@pytest.mark.requirement("S-084")
def test_where_people_decide_the_card_says_what_comes_of_each_way_and_whom_to_call() -> None:
    plan = plans().get("sarvanom-feature")
    paused = msgspec.structs.replace(
        in_phase(Phase.PAUSED), plan=plan, wave=1, weight=25.0, reason="somebody wants to look"
    )
    shown = words(CARDS.card(paused, NOW))
    assert "Nothing rises until somebody resumes it" in shown
    labels = [each["text"]["text"] for each in buttons(CARDS.card(paused, NOW))][-4:]
    assert labels == ["Resume", "Step back to 5 %", "Roll back", "Declare an incident…"]
    assert (
        "An incident calls engineering lead, then security team, then product manager, then devops"
    ) in shown
