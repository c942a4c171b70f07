"""Every bad file through the model process: a sentence, and the process goes on to a good model."""

from pathlib import Path

import pytest

from pychatbot_gui.core.errors import ModelFileError, TemplateError
from pychatbot_gui.engine.gguf import read_model_file
from pychatbot_gui.engine.model_process import ModelProcess
from tests.bad_files import BAD_FILES, BAD_TEMPLATES, REFUSED, UNSUPPORTED, USABLE
from tests.conftest import ANSWER
from tests.engine.talk import GREEDY, events, finished, load, system, text_of, user

# A word of the notice that comes with a file that works all the same; "" where there is none.
NOTICES = {
    "no template": "no chat template",
    "metadata not UTF-8": "not readable text",
    "context_length 2^31-1": "",
    "template refuses the system prompt": "system prompt",
    "split": "",
    "split, opened at part 2": "",
}
TEMPLATE_SAYS = {
    "broken template": "is broken",
    "raising template": "Only on Sundays",
    "endless template": "did not come to an end",
    "power tower template": "is not allowed",
}


def assert_talks(process: ModelProcess, model: Path) -> None:
    load(process, model)
    reply = events(process, user("Hi"), sampling=GREEDY)
    assert text_of(reply) and ANSWER.startswith(text_of(reply)[:20]), reply


@pytest.mark.parametrize("name", REFUSED)
def test_refused_file_has_the_same_sentence_through_the_process(
    name: str, process: ModelProcess, tmp_path: Path
) -> None:
    path = REFUSED[name](tmp_path)
    with pytest.raises(ModelFileError) as expected:
        read_model_file(str(path))
    with pytest.raises(ModelFileError) as heard:
        load(process, path)
    assert str(heard.value) == str(expected.value)
    assert heard.value.detail == expected.value.detail


def test_one_bad_file_after_another_and_then_a_good_one(
    process: ModelProcess, tmp_path: Path, scripted_model: Path
) -> None:
    for number, name in enumerate(("pdf", "cut in half", "block_count 0", "duplicate token")):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(ModelFileError):
            load(process, REFUSED[name](folder))
    assert_talks(process, scripted_model)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_file(
    name: str, process: ModelProcess, tmp_path: Path, scripted_model: Path
) -> None:
    with pytest.raises(ModelFileError, match="hal9000"):
        load(process, UNSUPPORTED[name](tmp_path))
    assert_talks(process, scripted_model)


@pytest.mark.parametrize("name", BAD_TEMPLATES)
def test_bad_template(name: str, tmp_path: Path, scripted_model: Path) -> None:
    process = ModelProcess(tmp_path / "model.log", render_limit=2)
    try:
        with pytest.raises(TemplateError, match=TEMPLATE_SAYS[name]):
            load(process, BAD_TEMPLATES[name](tmp_path))
            events(process, user("Hi"))
        assert_talks(process, scripted_model)
    finally:
        process.close()


@pytest.mark.parametrize("name", USABLE)
def test_usable_file_talks_and_says_what_is_odd(
    name: str, process: ModelProcess, tmp_path: Path
) -> None:
    info = load(process, BAD_FILES[name](tmp_path))
    assert NOTICES[name] in " ".join(info.notices)
    assert bool(NOTICES[name]) == bool(info.notices)
    reply = events(process, system("Be kind."), user("Hi"))
    assert finished(reply).reply_tokens > 0
    assert text_of(reply)
