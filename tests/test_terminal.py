"""The terminal as another program or a person meets it: a real process, its bytes, its exit code."""

import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from pychatbot_gui import terminal
from pychatbot_gui.app import create_window
from pychatbot_gui.core.errors import TemplateError
from pychatbot_gui.core.state import RememberedState, save_state
from pychatbot_gui.engine.engine import ModelSpec, Sampling
from pychatbot_gui.engine.model_process import ModelProcess
from pychatbot_gui.gui.engine_thread import EngineThread
from tests.bad_files import BAD_TEMPLATES, REFUSED
from tests.conftest import ANSWER
from tests.models import script_pieces
from tests.terminal_talk import Talk, answers_of, assert_one_sentence, chat, transcript

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX"),
    pytest.mark.timeout(120),
]

GREEDY = ("--temperature", "0", "--max-tokens", "12")


# -- lines in, answers out ------------------------------------------------------------------


def test_lines_in_answers_out(scripted_model: Path) -> None:
    done = chat("Hi\n\n   \nAnd again, without a line end", scripted_model)
    # An empty line is no message: the prompt comes again.
    first, second = transcript(ANSWER, ANSWER).split(b"\n[+] USER: [+] AI: ", 1)
    assert done.stdout == first + b"\n[+] USER: " * 1 + b"[+] USER: [+] USER: [+] AI: " + second
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_input_at_all(scripted_model: Path) -> None:
    done = chat("", scripted_model)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[+] USER: \n", b"")


@pytest.mark.parametrize(
    "line",
    [
        b"not \xff UTF-8",
        b"lone \xed\xa0\x80 surrogate",
        b"NUL \0 inside",
        "مرحبا 👩‍👩‍👧 \u202e!".encode(),
    ],
    ids=["invalid", "surrogate", "nul", "rtl"],
)
def test_any_bytes_are_a_message(line: bytes, scripted_model: Path) -> None:
    done = chat(line + b"\n", scripted_model)
    assert (done.returncode, done.stdout, done.stderr) == (0, transcript(ANSWER), b"")


def test_an_ascii_locale_changes_nothing(scripted_model: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = chat("Grüße\n", scripted_model, "Sei höflich", **plain)
    assert (done.returncode, done.stdout, done.stderr) == (0, transcript(ANSWER), b"")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_file_whose_name_is_not_utf8(scripted_model: Path, tmp_path: Path) -> None:
    model = tmp_path / os.fsdecode(b"caf\xe9.gguf")
    model.symlink_to(scripted_model)
    done = chat("Hi\n", model)
    assert (done.returncode, done.stdout, done.stderr) == (0, transcript(ANSWER), b"")


def test_an_answer_comes_in_pieces_and_ctrl_c_stops_it(
    endless_model: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(endless_model)
    going.wait_for("[+] USER: ")
    for _ in range(2):
        going.write("Tell me everything\n")
        going.wait_for("[+] AI: Over and over again")
        assert going.process.poll() is None
        going.interrupt()
        going.wait_for("\n[+] USER: ")
    code, errors = going.end()
    assert (code, errors) == (0, b"")
    assert going.said.count(b"[+] AI: ") == 2
    assert going.said.endswith(b"\n[+] USER: \n")


def test_ctrl_c_at_the_prompt_ends(scripted_model: Path, talk: Callable[..., Talk]) -> None:
    going = talk(scripted_model)
    going.wait_for("[+] USER: ")
    going.interrupt()
    code, errors = going.end()
    assert (code, going.said, errors) == (130, b"[+] USER: \n", b"")


def test_ctrl_c_while_loading_ends(
    tmp_path: Path, talk: Callable[..., Talk], wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    # Making this model ready would take ten seconds.
    going = talk(BAD_TEMPLATES["endless template"](tmp_path))
    wait_until(lambda: going.model_process() is not None)
    model = going.model_process()
    started = time.monotonic()
    going.interrupt()
    code, errors = going.end()
    assert (code, going.said, errors) == (130, b"", b"")
    assert time.monotonic() - started < 8
    assert not model.is_running()


# -- what the command line asks for ---------------------------------------------------------


def test_the_positional_word_is_the_system_prompt(random_model: Path) -> None:
    word, option, none = (
        answers_of(chat("Hi\n", random_model, *GREEDY, *more).stdout)
        for more in (("You're an AI assistant",), ("--system", "You're an AI assistant"), ())
    )
    assert word == option
    assert word != none
    assert all(len(answers) == 1 and answers[0] for answers in (word, none))


def test_the_same_seed_gives_the_same_answers(random_model: Path) -> None:
    hot = ("--model", random_model, "--temperature", "2", "--max-tokens", "24", "--seed")
    first, again, other = (chat("Hi\nMore\n", *hot, seed) for seed in ("7", "7", "8"))
    assert first.stdout == again.stdout
    assert first.stdout != other.stdout
    assert (first.returncode, first.stderr) == (0, b"")


def test_max_tokens_cuts_an_answer(scripted_model: Path) -> None:
    done = chat("Hi\n", scripted_model, "--max-tokens", "5")
    assert done.stdout == transcript(b"".join(script_pieces(ANSWER)[:5]).decode())
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_model_of_the_last_time_is_taken(home: Path, scripted_model: Path) -> None:
    save_state(home / "data" / "window_state.json", RememberedState(model=str(scripted_model)))
    assert chat("Hi\n").stdout == transcript(ANSWER)


def test_wrong_arguments_end_with_2_and_the_usage() -> None:
    done = chat("Hi\n", "--seed", "many")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"usage: pychatbot-gui")
    assert "“seed” must be a whole number".encode() in done.stderr


def test_twenty_turns_give_the_same_answers_as_in_the_window(
    random_model: Path, qtbot: QtBot
) -> None:
    arguments = [
        str(random_model),
        "--temperature",
        "0",
        "--max-tokens",
        "24",
        "--system",
        "Rhyme.",
    ]
    questions = [f"Question {n}: what is {n} times {n + 7}?" for n in range(20)]
    window = create_window(arguments)
    try:
        pieces: list[str] = []
        engine = window.findChild(EngineThread)
        engine.text_arrived.connect(pieces.append)
        prompt = window.findChild(QPlainTextEdit, "promptEdit")
        qtbot.waitUntil(lambda: not window.is_busy(), timeout=30_000)
        in_window = []
        for question in questions:
            QTest.keyClicks(prompt, question)
            with qtbot.waitSignal(engine.answer_finished, timeout=30_000):
                QTest.keyClick(prompt, Qt.Key.Key_Return)
            in_window.append("".join(pieces))
            pieces.clear()
        shown = window.findChild(QWidget, "chatView").toPlainText()
    finally:
        window.close()
        window.deleteLater()
    done = chat("\n".join(questions), *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    assert answers_of(done.stdout) == in_window
    assert len(set(in_window)) > 10 and all(in_window)
    assert all(question in shown for question in questions)


# -- settings and what is told beside the chat ----------------------------------------------


def write_settings(home: Path, **settings: object) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "model_parameters.json").write_text(json.dumps(settings))


def test_an_unusable_setting_is_told_and_the_chat_goes_on(home: Path, scripted_model: Path) -> None:
    write_settings(home, n_ctx="abc")
    done = chat("Hi\n", scripted_model)
    assert (done.returncode, done.stdout) == (0, transcript(ANSWER))
    assert done.stderr.decode() == (
        "The setting “n_ctx” must be a whole number, not “abc”. The default (4096) is used.\n"
    )


@pytest.mark.parametrize("isolated", [True, False])
def test_a_verbose_library_is_heard_but_not_in_the_answers(
    home: Path, scripted_model: Path, isolated: bool
) -> None:
    write_settings(home, verbose="True", isolate_model=isolated)
    done = chat("Hi\n", scripted_model)
    assert (done.returncode, done.stdout) == (0, transcript(ANSWER))
    assert b"llama_model_loader" in done.stderr


def test_a_full_context_is_told_and_the_answer_goes_on(home: Path, endless_model: Path) -> None:
    write_settings(home, n_ctx=256, max_tokens=400)
    done = chat("Hi\nMore\n", endless_model)
    assert done.returncode == 0
    answers = answers_of(done.stdout)
    assert len(answers) == 2 and all(len(answer.split()) > 300 for answer in answers)
    assert done.stderr.decode().splitlines() == [
        "The answer goes on, but the model no longer sees its beginning.",
        "The model no longer sees the oldest messages.",
        "The answer goes on, but the model no longer sees its beginning.",
    ]


def test_a_model_process_that_died_unseen_is_started_again(
    scripted_model: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(scripted_model)
    going.write("Hi\n")
    going.wait_for("Good bye.\n[+] USER: ")
    model = going.model_process()
    model.kill()
    going.write("Still there?\n")
    going.wait_for("Good bye.\n[+] USER: ")
    code, errors = going.end()
    assert (code, going.said) == (0, transcript(ANSWER, ANSWER))
    assert errors.decode() == "Loading the model again…\n"


# -- errors: exit code 1 and one line -------------------------------------------------------


@pytest.mark.parametrize("name", ["html", "folder", "cut in half", "with \n two lines"])
def test_an_unusable_file_is_one_line_and_exit_code_1(name: str, tmp_path: Path) -> None:
    build = REFUSED.get(name, lambda folder: folder / f"missing {name}.gguf")
    done = chat("Hi\n", build(tmp_path))
    assert (done.returncode, done.stdout) == (1, b"")
    assert_one_sentence(done.stderr)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = chat("Hi\n", tmp_path / "nowhere.gguf")
    assert (done.returncode, done.stdout) == (1, b"")
    assert "nowhere.gguf" in assert_one_sentence(done.stderr)


def test_a_last_model_that_is_gone_is_told_and_the_guide_answers(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "window_state.json").write_text('{"model": "/gone/model.gguf"}')
    done = chat("how do I open a model?\n")
    assert done.returncode == 0
    assert b"Ctrl+O" in done.stdout
    assert done.stderr.decode().splitlines() == [
        "The last model, “/gone/model.gguf”, is not there any more: this is the guide."
    ]


def test_a_line_of_a_megabyte_is_too_long(scripted_model: Path) -> None:
    done = chat("word " * 200_000 + "\n", scripted_model)
    assert (done.returncode, done.stdout) == (1, b"[+] USER: [+] AI: \n")
    assert "context" in assert_one_sentence(done.stderr)


def test_a_model_process_killed_while_it_answers(
    endless_model: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(endless_model)
    going.write("Hi\n")
    going.wait_for("[+] AI: Over and over")
    going.model_process().kill()
    code, errors = going.end()
    assert code == 1
    assert going.said.endswith(b"\n")
    assert "killed" in assert_one_sentence(errors)


def test_an_endless_template_is_ended(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, because a limit of ten seconds is longer than a test should take."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Hi\n")))
    engine = ModelProcess(home / "logs" / "model.log", render_limit=0.5)
    spec = ModelSpec(str(BAD_TEMPLATES["endless template"](tmp_path)), n_ctx=512)
    with pytest.raises(TemplateError):
        terminal.run(lambda: engine, spec, Sampling(), "")
    assert engine.pid is None
    assert capsys.readouterr().err == ""
