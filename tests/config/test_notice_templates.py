"""The words of notices: every template as it reads, its gaps, its times, and those of others."""

import json
from pathlib import Path

import pytest

from bot.domain.notice import Problem, Rendered, Sheet
from bot.files import FileError
from bot.notice_templates import NoticeTemplates, builtin, load

SNAPSHOTS = Path(__file__).parent / "notices.json"
"""What every template makes of FACTS, in English and German."""

FACTS = {
    "service": "checkout",
    "title": "the query service <v2>",
    "status": "identified",
    "impact": "Queries may fail for some minutes",
    "features": "Memory queries: unavailable for about 10 min; Anchoring: away for about 5 min",
    "availability": "Reading goes on",
    "starts_at": "2026-03-08T07:30:00+00:00",
    "ends_at": "2026-03-08T11:30:00+00:00",
    "previous_starts_at": "2026-03-01T07:30:00+00:00",
    "previous_ends_at": "2026-03-01T11:30:00+00:00",
    "duration": "4 h",
    "reason": "a part is late",
    "phase": "25 % of the traffic",
    "message": "Everything goes as planned.",
    "bad_since_at": "2026-03-08T08:00:00+00:00",
    "detected_at": "2026-03-08T08:00:00+00:00",
    "investigating_at": "2026-03-08T08:05:00+00:00",
    "fixed_at": "2026-03-08T08:40:00+00:00",
    "restored_at": "2026-03-08T08:50:00+00:00",
    "next_update_at": "2026-03-08T08:20:00+00:00",
    "root_cause": "a full disk",
    "scope": "about half of all queries",
    "resolution": "we added room",
    "prevention": "a limit that warns earlier",
    "expected_changes": "Queries are faster; Exports have a preview",
    "expectations": "nothing stops working",
    "release_notes": "https://example.com/notes",
    "success": "nobody had to wait",
    "thanks": "Thank you for telling us what you found.",
    "lessons": "smaller steps are better",
    "next_steps": "the same for exports",
    "link": "https://example.com/post-mortem",
    "summary": "a disk was full, and nobody was warned",
    "timeline": "First requests: 5% for 30m\nEverybody: 100%",
    "risks": "At first 5% of the traffic get it.",
    "technical_details": "a new index",
    "feature_impact": "search is faster",
    "user_experience": "nothing looks different",
    "known_issues": "none",
    "user_communication": "nothing has to be done",
    "business_impact": "fewer people give up",
    "outcome": "v2 has all the traffic.",
    "figures": "error_rate < 1%: 0.2%",
    "technical_updates": "one service less",
    "roadmap": "the same for exports",
    "support": "support@example.com",
    "status_page": "https://status.example.com",
}
ZONES = ("America/Los_Angeles", "Europe/Berlin")


@pytest.fixture(scope="module")
def templates() -> NoticeTemplates:
    return load(())


def render(templates: NoticeTemplates, name: str, facts: dict[str, str] | None = None) -> Rendered:
    values = FACTS if facts is None else facts
    return templates.render(
        Sheet(template=name, values=values, zones=ZONES, languages=("en", "de"))
    )


@pytest.mark.requirement("W-164", "W-166", "W-167", "W-168", "W-170", "W-171", "S-116")
def test_every_template_reads_as_it_did(templates: NoticeTemplates) -> None:
    found = {}
    for name in templates.names():
        made = render(templates, name)
        assert made.problems == (), name
        assert [words.language for words in made.words] == ["en", "de"]
        found[name] = [f"{words.subject}\n{words.text}" for words in made.words]
    assert found == json.loads(SNAPSHOTS.read_text())


@pytest.mark.requirement("W-165")
@pytest.mark.parametrize("name", ["maintenance-scheduled", "incident-resolved"])
def test_each_value_that_is_missing_is_named(templates: NoticeTemplates, name: str) -> None:
    needed = {p.field for p in render(templates, name, {}).problems}
    assert {"support", "status_page", "title"} <= needed
    for field in needed:
        less = {key: text for key, text in FACTS.items() if key != field}
        found = render(templates, name, less)
        assert [problem.field for problem in found.problems] == [field]
        assert f"[{field}]" in found.words[0].text + found.words[0].subject


def test_midnight_clock_changes_and_zones_are_told(templates: NoticeTemplates) -> None:
    text = render(templates, "maintenance-scheduled").words[0].text
    assert "2026-03-07 23:30 PST - 2026-03-08 04:30 PDT (America/Los_Angeles)" in text
    assert "2026-03-08 08:30 - 12:30 CET (Europe/Berlin)" in text
    assert "2026-03-08 07:30 - 11:30 UTC" in text


def test_the_page_is_made_of_the_text_and_escapes_what_was_typed(
    templates: NoticeTemplates,
) -> None:
    page = render(templates, "maintenance-scheduled").words[0].html
    assert "the query service &lt;v2&gt;" in page
    assert "<v2>" not in page
    assert "<li>Anchoring: away for about 5 min</li>" in page
    assert '<a href="https://status.example.com">https://status.example.com</a>' in page


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        pytest.param(
            "release-announced",
            {"expected_changes", "release_notes", "expectations"},
            marks=pytest.mark.requirement("P-129"),
        ),
        pytest.param(
            "maintenance-reminder",
            {"impact", "availability"},
            marks=pytest.mark.requirement("P-131"),
        ),
        pytest.param(
            "release-followed-up",
            {"success", "thanks", "lessons", "next_steps"},
            marks=pytest.mark.requirement("P-132"),
        ),
        pytest.param(
            "release-features",
            {"features", "release_notes"},
            marks=pytest.mark.requirement("S-088", "S-091"),
        ),
        pytest.param(
            "release-next",
            {"expected_changes", "expectations"},
            marks=pytest.mark.requirement("B-078"),
        ),
    ],
)
def test_what_the_documents_want_said_has_to_be_filled_in(
    templates: NoticeTemplates, name: str, fields: set[str]
) -> None:
    assert fields | {"support"} <= {
        problem.field for problem in render(templates, name, {}).problems
    }


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        pytest.param(name, fields, marks=pytest.mark.requirement(row))
        for name, fields, row in (
            ("briefing-engineering", {"technical_details", "timeline"}, "S-078"),
            ("briefing-product", {"feature_impact", "user_experience"}, "S-079"),
            ("briefing-support", {"known_issues", "user_communication"}, "S-080"),
            ("briefing-leadership", {"business_impact", "risks"}, "S-081"),
            (
                "report-stakeholders",
                {"business_impact", "technical_updates", "risks", "roadmap"},
                "S-092",
            ),
        )
    ],
)
def test_each_audience_inside_hears_what_it_needs_and_no_address_for_customers(
    templates: NoticeTemplates, name: str, fields: set[str]
) -> None:
    needed = {problem.field for problem in render(templates, name, {}).problems}
    assert fields <= needed
    assert not {"support", "status_page"} & needed


def test_the_post_mortem_tells_where_it_can_be_read(templates: NoticeTemplates) -> None:
    assert FACTS["link"] in render(templates, "incident-post-mortem").words[0].text


def test_a_folder_adds_templates_and_languages_without_code(tmp_path: Path) -> None:
    (tmp_path / "incident-update.j2").write_text(
        "{% block subject %}News: {{ title }}{% endblock %}"
        "{% block text %}{{ message }}{% endblock %}"
    )
    (tmp_path / "incident-update.fr.j2").write_text(
        "{% block subject %}Nouvelles : {{ title }}{% endblock %}"
        "{% block text %}{{ message }} {{ self.footer() }}{% endblock %}"
    )
    made = load([tmp_path]).render(
        Sheet(
            template="incident-update",
            values={**FACTS, "message_fr": "Tout va bien."},
            zones=ZONES,
            languages=("en", "fr"),
        )
    )
    assert [words.subject for words in made.words] == [
        "News: the query service <v2>",
        "Nouvelles : the query service <v2>",
    ]
    assert "Tout va bien." in made.words[1].text
    assert "support@example.com" in made.words[1].text


def test_a_language_without_its_file_stops_the_notice(templates: NoticeTemplates) -> None:
    sheet = Sheet(template="incident-update", values=FACTS, zones=ZONES, languages=("en", "fr"))
    (problem,) = templates.render(sheet).problems
    assert problem.field == "language fr"
    assert "incident-update.fr.j2" in problem.text


def test_an_unknown_template_is_told_with_the_nearest(templates: NoticeTemplates) -> None:
    (problem,) = render(templates, "incident-resolve").problems
    assert problem == Problem(
        "template", "there is no template 'incident-resolve'; did you mean 'incident-resolved'?"
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.j2", "{% block subject %}a{% endblock %}", "it has no block `text`"),
        ("x.j2", "{% block subject %}", "x.j2:1: Unexpected end of template"),
        ("x.j2", "{% extends 'base.j2' %}", "a template can't extend another one"),
        ("X Y.j2", "", "this is no name of a template"),
    ],
    ids=["no text", "not closed", "extends", "name"],
)
def test_a_template_that_can_not_work_is_refused_at_the_start(
    name: str, text: str, words: str
) -> None:
    with pytest.raises(FileError) as refused:
        NoticeTemplates({**builtin(), name: text})
    assert words in str(refused.value)


def test_a_template_reaches_nothing_but_its_values() -> None:
    text = (
        "{% block subject %}{{ ''.__class__.__mro__ }}{% endblock %}{% block text %}x{% endblock %}"
    )
    made = render(NoticeTemplates({**builtin(), "evil.j2": text}), "evil")
    assert made.problems
    assert all("class" not in words.subject for words in made.words)
