import pytest

from pychatbot_gui.core.chat import Message, Role
from pychatbot_gui.core.errors import TemplateError
from pychatbot_gui.engine.prompts import CHATML, PromptWriter, jinja_formatter

HI = (Message(Role.USER, "Hi"),)


def _writer(template: str, control: tuple[str, ...] = ()) -> PromptWriter:
    return PromptWriter(jinja_formatter(template, "<s>", "</s>"), control)


def _text(writer: PromptWriter, *messages: Message) -> str:
    return "".join(part.text for part in writer.write(messages).segments)


def test_chatml() -> None:
    writer = _writer(CHATML)
    assert writer.probe() == ""
    assert _text(writer, Message(Role.SYSTEM, "S"), *HI) == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_control_tokens_in_a_message_are_marked_as_text() -> None:
    writer = _writer(CHATML, ("<|im_end|>", "<|im_start|>"))
    prompt = writer.write([Message(Role.USER, "a<|im_end|>b<|im_start|>")])
    plain = [part.text for part in prompt.segments if not part.is_control]
    assert plain == ["<|im_end|>", "<|im_start|>"]
    assert (
        "".join(part.text for part in prompt.segments).count("a<|im_end|>b<|im_start|><|im_end|>")
        == 1
    )


def test_a_template_may_look_at_the_text() -> None:
    # As reasoning models' templates do with their own past thoughts.
    writer = _writer("{{ messages[0].content.split('</think>')[-1] | trim }}", ("<|x|>",))
    assert _text(writer, Message(Role.USER, "<think>a</think> b <|x|> ")) == "b <|x|>"


def test_bos_in_the_template_is_noticed() -> None:
    assert _writer("{{ bos_token }}{{ messages[0].content }}").write(HI).has_bos
    assert not _writer("{{ messages[0].content }}").write(HI).has_bos


@pytest.mark.parametrize("template", ["{% if %}", "{{ ", "{% for x in y %}", "{% nope %}"])
def test_a_broken_template_is_a_sentence(template: str) -> None:
    with pytest.raises(TemplateError, match="broken.*settings"):
        _writer(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ 9 ** (9 ** 9) }}",
        "{{ 10 ** 30 * 10 ** 30 * 10 ** 30 ** 9 }}",
        "{{ 'x' * 10 ** 12 }}",
        "{{ (('x' * 10 ** 6) ~ 'y') * 10 ** 6 }}",
        "{{ messages.__class__.__mro__ }}",
        "{{ ''.__class__ }}{{ messages.append(1) }}",
        "{% for i in range(10 ** 9) %}x{% endfor %}",
        "{{ messages[99].content }}",
        "{{ 1 / 0 }}",
        "{{ undefined_function() }}",
    ],
)
def test_a_hostile_template_is_a_sentence(template: str) -> None:
    with pytest.raises(TemplateError, match="settings"):
        _writer(template).write(HI)


def test_powers_and_products_that_templates_need_still_work() -> None:
    assert (
        _text(_writer("{{ 2 ** 10 }}{{ 3 * 4 }}{{ '-' * 5 }}{{ 0.5 * 2 }}"), *HI)
        == "102412-----1.0"
    )


def test_raise_exception_names_the_reason() -> None:
    writer = _writer("{{ raise_exception('only poems') }}")
    with pytest.raises(TemplateError, match="refuses every conversation.*only poems"):
        writer.probe()
    with pytest.raises(TemplateError, match="refuses this conversation.*only poems"):
        writer.write(HI)


@pytest.mark.parametrize(
    "template",
    [
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
        "{{ messages[0].content }}",
        "{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}",
    ],
    ids=["refuses", "leaves out"],
)
def test_a_system_prompt_that_is_not_taken_goes_into_the_first_message(template: str) -> None:
    writer = _writer(template)
    assert "put in front of your first message" in writer.probe()
    assert _text(writer, Message(Role.SYSTEM, "Be kind."), *HI) == "Be kind.\n\nHi"


def test_a_template_that_rewrites_the_system_prompt_still_takes_it() -> None:
    writer = _writer("{% for m in messages %}{{ m.content | lower }}{% endfor %}")
    assert writer.probe() == ""
    assert _text(writer, Message(Role.SYSTEM, "Be Kind. "), *HI) == "be kind. hi"


def test_usual_helpers_of_templates() -> None:
    template = (
        "{{ strftime_now('%Y')|length }}{{ {'a': 'é'}|tojson }}"
        "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{% endfor %}"
        "{% set ns = namespace(x=1) %}{% set ns.x = 2 %}{{ ns.x }}"
    )
    assert _text(_writer(template), *HI) == '4{"a": "é"}2'


# -- answers as segments of their own, and what is sure to come ------------------------------

TALK = (*HI, Message(Role.ASSISTANT, " Well  \n"), Message(Role.USER, "And?"))


def _answers(template: str, *messages: Message) -> list[tuple[str, str]]:
    prompt = _writer(template, ("<|x|>",)).write(messages, lambda answer: True)
    written = "".join(part.text for part in prompt.segments)
    assert written == _text(_writer(template, ("<|x|>",)), *messages), "the text is the same"
    return [(part.text, part.answer) for part in prompt.segments if part.answer]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{{ m.content }}", " Well  \n"),
        ("{{ m.content | trim }}", "Well"),
        ("{{ ' ' ~ (m.content | trim) }}", " Well"),
        ("{{ m.content | trim }}  \n", "Well  \n"),
        ("{{ m.content | upper }}", ""),
        ("{{ m.content[:4] }}", ""),
        ("{{ m.content.split('l')[-1] }}", ""),
    ],
    ids=["whole", "trimmed", "own space", "own end", "changed", "cut", "part"],
)
def test_an_answer_is_a_segment_as_far_as_the_template_leaves_it(content: str, found: str) -> None:
    template = "{% for m in messages %}[{{ m.role }}]" + content + "{% endfor %}"
    assert _answers(template, *TALK) == ([(found, " Well  \n")] if found else [])


def test_only_answers_that_are_known_are_segments() -> None:
    writer = _writer(CHATML)
    two = (*TALK, Message(Role.ASSISTANT, "No"), *HI)
    parts = writer.write(two, lambda answer: answer == "No").segments
    assert [part.answer for part in parts if part.answer] == ["No"]


def test_control_tokens_inside_an_answer_are_its_text() -> None:
    said = Message(Role.ASSISTANT, "a <|x|> b")
    assert _answers(CHATML, *HI, said, *HI) == [("a <|x|> b", "a <|x|> b")]


def test_what_is_sure_to_come_ends_where_the_next_message_begins() -> None:
    ahead = _writer(CHATML).write_ahead(TALK[:2])
    assert "".join(part.text for part in ahead.segments) == (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n Well  \n<|im_end|>\n"
        "<|im_start|>user\n"
    )


@pytest.mark.parametrize(
    ("draft", "sure"), [("", ""), ("Wh", ""), ("What is th", "What is"), ("What \n", "What")]
)
def test_of_a_draft_all_but_the_last_word_is_sure(draft: str, sure: str) -> None:
    ahead = _writer(CHATML).write_ahead((*TALK[:2], Message(Role.USER, draft)))
    assert "".join(part.text for part in ahead.segments).endswith(f"<|im_start|>user\n{sure}")


def test_a_template_that_leaves_the_message_out_has_nothing_sure() -> None:
    assert _writer("{{ messages[0].content }}").write_ahead(TALK[:2]).segments == ()
