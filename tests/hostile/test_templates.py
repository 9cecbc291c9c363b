"""Templates of users: they reach nothing but their values, and can't use the machine up."""

from pathlib import Path

import pytest

from bot.domain.notice import Sheet
from bot.files import FileError
from bot.notice_templates import NoticeTemplates, builtin
from bot.noticing import _loaded
from bot.template_trial import tried

ESCAPES = {
    "cycler": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "a class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "the environment": "{{ self._TemplateReference__context.environment.loader }}",
    "a format": "{{ '{0.__class__.__base__}'.format(title) }}",
    "a filter": "{{ title | attr('__class__') }}",
    "an import": "{% import 'os' as os %}",
    "another file": "{% include '/etc/passwd' %}",
    "an undefined": "{{ nothing.__class__.__init__.__globals__ }}",
    "the lipsum": "{{ lipsum.__globals__ }}",
    "a change": "{{ zones.append(1) }}",
}
HUNGRY = {
    "a long word": "{{ 'a' * 200000000 }}",
    "a power": "{{ 9 ** 99999999 }}",
    "a wide field": "{{ '%0900000000d' % 1 }}",
    "a laugh": (
        "{% macro a() %}ha{% endmacro %}"
        + "".join(
            f"{{% macro {y}() %}}{f'{{{{ {x}() }}}}' * 10}{{% endmacro %}}"
            for x, y in zip("abcdefghi", "bcdefghij", strict=True)
        )
        + "{{ j() }}"
    ),
    "a loop in a loop": "{% for a in title %}{% for b in title %}{% for c in title %}x{% endfor %}"
    "{% endfor %}{% endfor %}",
}


def template(body: str) -> dict[str, str]:
    text = f"{{% block subject %}}a{{% endblock %}}{{% block text %}}{body}{{% endblock %}}"
    return {"base.j2": builtin()["base.j2"], "evil.j2": text}


@pytest.mark.parametrize("way", ESCAPES)
def test_the_known_ways_out_of_a_template_are_closed(way: str) -> None:
    try:
        templates = NoticeTemplates(template(ESCAPES[way]))
    except FileError:
        return
    made = templates.render(
        Sheet(template="evil", values={"title": "t"}, zones=("UTC",), languages=("en",))
    )
    assert made.problems, made
    for words in made.words:
        for out in ("uid=", "root:", "<class", "DictLoader", "module"):
            assert out not in words.text


def test_a_macro_without_an_end_is_told_and_not_raised() -> None:
    endless = "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"
    made = NoticeTemplates(template(endless)).render(
        Sheet(template="evil", values={}, zones=("UTC",), languages=("en",))
    )
    assert "never comes to an end" in made.problems[0].text


@pytest.mark.thorough
@pytest.mark.parametrize("way", HUNGRY)
def test_a_template_that_uses_up_the_machine_is_refused_at_the_start(
    way: str, tmp_path: Path
) -> None:
    (tmp_path / "evil.j2").write_text(template(HUNGRY[way])["evil.j2"])
    with pytest.raises(FileError) as refused:
        _loaded((tmp_path,))
    (problem,) = refused.value.problems
    assert problem.file == "evil.j2"
    assert problem.hint


@pytest.mark.thorough
def test_the_templates_that_there_are_pass_their_trial() -> None:
    assert tried(builtin(), sorted(builtin())) == []


def test_without_templates_of_ones_own_nothing_is_tried() -> None:
    assert tried(builtin(), ()) == []
