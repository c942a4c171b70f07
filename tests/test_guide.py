"""The guide as it is shipped: its file, its honesty, and its answers through the program."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.chat import Message, Role
from pychatbot_gui.core.guide import QUESTIONS, for_model, guide_path
from pychatbot_gui.core.settings import default_settings
from pychatbot_gui.engine.engine import (
    CancelToken,
    Finished,
    ReplyRequest,
    Text,
    model_spec,
    sampling,
)
from pychatbot_gui.engine.gguf import read_model_file
from pychatbot_gui.engine.llama import LlamaEngine
from tests.gui.conftest import Person
from tests.gui.conftest import start as start  # the fixture that starts the whole program

FOLDER = guide_path().parent
SETTINGS = for_model(str(guide_path()), default_settings())


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guide_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


corpus = _module("corpus")


@pytest.fixture(scope="module")
def intents() -> dict[str, Any]:
    found: dict[str, Any] = corpus.read_corpus()
    return found


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / "report.json").read_text())
    return document


@pytest.fixture(scope="module")
def ask() -> Iterator[Callable[..., tuple[str, Finished]]]:
    """Ask the guide the way the program does; gives the answer and how it ended."""
    engine = LlamaEngine()
    info = engine.load(model_spec(str(guide_path()), SETTINGS), lambda f: None, CancelToken())
    assert info.notices == ()

    def answer(*texts: str) -> tuple[str, Finished]:
        roles = (Role.USER, Role.ASSISTANT)
        messages = tuple(Message(roles[i % 2], text) for i, text in enumerate(texts))
        events = list(engine.reply(ReplyRequest(1, messages, sampling(SETTINGS)), CancelToken()))
        end = events[-1]
        assert isinstance(end, Finished)
        return "".join(e.piece for e in events if isinstance(e, Text)).strip(), end

    yield answer
    engine.close()


def test_the_file_is_the_one_of_the_report(report: dict[str, Any]) -> None:
    content = guide_path().read_bytes()
    assert len(content) == report["size"] <= 8 * 10**6
    assert hashlib.sha256(content).hexdigest() == report["sha256"]


def test_it_says_of_itself_what_it_is() -> None:
    file = read_model_file(str(guide_path()))
    assert file.architecture == "llama"
    assert file.n_ctx_train >= 1024
    assert file.chat_template
    assert file.metadata["general.license"] == "MIT"
    assert "knows only PyChatbot" in str(file.metadata["general.description"])


def test_the_names_it_was_taught_are_those_of_the_program(qtbot: QtBot) -> None:
    facts = _module("facts")
    taught = json.loads((FOLDER / "facts.json").read_text())
    assert facts.collect() == taught, "train the guide again: resources/guide/README.md"


def test_its_text_is_large_enough_and_every_name_in_it_exists(intents: dict[str, Any]) -> None:
    in_scope = [i for i in intents.values() if i.name != corpus.OUT_OF_SCOPE]
    assert len(in_scope) >= 120
    for intent in in_scope:
        assert len(intent.questions) >= 30, intent.name
        assert len(intent.held_out) >= 2, intent.name
        assert "{" not in "".join(intent.answers), "a placeholder was not filled in"


def test_no_question_of_the_measure_was_trained(intents: dict[str, Any]) -> None:
    for intent in intents.values():
        trained = {corpus.normal(q) for line in intent.questions for q in corpus.expand(line)}
        for line in intent.held_out:
            assert not trained & {corpus.normal(q) for q in corpus.expand(line)}, line


@pytest.mark.timeout(240)
def test_a_sample_of_the_held_out_questions(
    ask: Callable[..., tuple[str, Finished]], intents: dict[str, Any], report: dict[str, Any]
) -> None:
    """A third of the questions; the report has all. The margin is for the sample."""
    for in_scope, reported in ((True, "in_scope"), (False, "out_of_scope_declined")):
        right = count = 0
        for intent in intents.values():
            if (intent.name != corpus.OUT_OF_SCOPE) is not in_scope:
                continue
            wanted = {corpus.normal(a) for a in intent.answers}
            for line in intent.held_out[:: 3 if in_scope else 4]:
                answer, end = ask(corpus.expand(line)[0])
                assert end.reason == "stop" and end.reply_tokens <= 120, line
                count += 1
                right += corpus.normal(answer) in wanted
        assert count > 40
        assert right / count >= report[reported] - 0.06, (right, count)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_questions_that_are_offered_are_answered(
    ask: Callable[..., tuple[str, Finished]], question: str, intents: dict[str, Any]
) -> None:
    answer, _ = ask(question)
    declined = {corpus.normal(a) for a in intents[corpus.OUT_OF_SCOPE].answers}
    assert corpus.normal(answer) not in declined
    assert corpus.normal(answer) in {
        corpus.normal(a) for intent in intents.values() for a in intent.answers
    }


def test_in_the_window_a_person_gets_the_answer(start: Callable[..., Person]) -> None:
    person = start()
    assert person.window.model_label.text().startswith("Guide (built in)")
    read = person.ask("how do I open a model?")
    assert "File menu" in read and "Ctrl+O" in read
    assert not person.notices()


def test_in_the_terminal_a_script_gets_the_answer() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pychatbot_gui", "--terminal"],
        input=b"what is n_ctx?\n",
        capture_output=True,
        timeout=60,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 0
    assert b"Context length (n_ctx)" in done.stdout
    assert done.stderr == b""
