"""A message to very many goes out part by part, and knows how far it has got."""

from bot.domain.notice import Stage
from bot.domain.notice_events import Discarded, FanOut, Found, Missed, Reached, Retried, ShowLetter
from bot.domain.notice_sending import EVERYWHERE
from tests.domain.notice_world import ADA, INCIDENT, MARY, MINUTE, Story, errands

MAIL, SLACK = "email en", "slack en"


def approved() -> Story:
    story = Story()
    story.approve()
    return story


def looks(story: Story, *events: object) -> list[Stage]:
    """How far it is after each event."""
    found = []
    for event in events:
        story.then(event)
        found.append(story.letter.stage)
    return found


def test_after_each_part_the_next_one_is_looked_for_and_nothing_is_over_before_the_last() -> None:
    story = approved()
    first = story.then(Found(0, {SLACK: ("C9",), MAIL: ("a@x.com",)}, more=(MAIL,)))
    assert errands(first) == ["slack en>C9", "email en>a@x.com"]
    assert FanOut(0) in first
    stages = looks(story, Reached(0, SLACK, "C9"), Reached(0, MAIL, "a@x.com"))
    assert stages == [Stage.PUBLISHING, Stage.PUBLISHING]
    tally = story.letter.tallies[MAIL]
    assert (tally.done, tally.total, tally.upto, tally.more) == (1, 1, "a@x.com", True)
    last = story.then(Found(0, {MAIL: ("b@x.com", "c@x.com")}))
    assert (errands(last), FanOut(0) in last) == (["email en>b@x.com", "email en>c@x.com"], False)
    stages = looks(story, Reached(0, MAIL, "b@x.com"), Reached(0, MAIL, "c@x.com"))
    assert stages == [Stage.PUBLISHING, Stage.PUBLISHED]
    assert story.letter.tallies[MAIL].total == 3


def test_a_list_that_has_become_shorter_meanwhile_ends_where_it_is() -> None:
    story = approved()
    story.then(Found(0, {MAIL: ("a@x.com",)}, more=(MAIL,)))
    assert looks(story, Reached(0, MAIL, "a@x.com"), Found(0, {MAIL: ()})) == [
        Stage.PUBLISHING,
        Stage.PUBLISHED,
    ]


def test_what_can_not_be_found_any_more_fails_alone_and_goes_on_after_the_last_one() -> None:
    story = approved()
    story.then(Found(0, {MAIL: ("a@x.com", "b@x.com")}, more=(MAIL,)))
    story.then(Found(0, {}, {MAIL: "customers.csv can't be read"}))
    story.then(Reached(0, MAIL, "a@x.com"))
    story.then(Missed(0, MAIL, "b@x.com", "no such mailbox"))
    assert story.letter.stage is Stage.FAILED
    again = story.then(Retried(MARY, 0))
    assert (errands(again), FanOut(0) in again) == (["email en>b@x.com"], True)
    tally = story.letter.tallies[MAIL]
    assert (tally.total, tally.done, tally.upto, tally.more) == (2, 1, "b@x.com", True)
    story.then(Found(0, {MAIL: ("c@x.com",)}))
    stages = looks(story, Reached(0, MAIL, "b@x.com"), Reached(0, MAIL, "c@x.com"))
    assert stages == [Stage.PUBLISHING, Stage.PUBLISHED]


def test_when_it_can_not_be_found_out_where_it_goes_what_was_found_is_not_lost() -> None:
    story = approved()
    story.then(Found(0, {MAIL: ("a@x.com",)}, more=(MAIL,)))
    story.then(Found(0, {}, {EVERYWHERE: "the database was away"}))
    assert looks(story, Reached(0, MAIL, "a@x.com")) == [Stage.FAILED]
    assert FanOut(0) in story.then(Retried(MARY, 0))
    story.then(Found(0, {MAIL: ("b@x.com",)}))
    assert looks(story, Reached(0, MAIL, "b@x.com")) == [Stage.PUBLISHED]
    assert story.letter.tallies[MAIL].done == 2


def test_the_card_of_a_message_to_many_is_drawn_now_and_then() -> None:
    story, many = approved(), tuple(f"{number:03}@x.com" for number in range(200))
    story.then(Found(0, {MAIL: many}))
    drawn = [ShowLetter(0) in story.then(Reached(0, MAIL, place)) for place in many]
    assert (sum(drawn), drawn[-1]) == (20, True)


def test_a_notice_that_nobody_is_to_hear_of_reminds_of_no_word() -> None:
    story = Story(INCIDENT)
    story.then(Discarded(ADA, 0, "nobody has noticed"))
    assert story.notice.due_at is None
    assert story.notice.next_check_at is None


def test_a_draft_that_is_put_away_after_the_first_word_changes_no_clock() -> None:
    story = Story(INCIDENT)
    story.publish()
    due = story.notice.due_at
    story.wait(MINUTE)
    story.draft("identified")
    story.then(Discarded(ADA, 1))
    assert due is not None
    assert story.notice.due_at == due
