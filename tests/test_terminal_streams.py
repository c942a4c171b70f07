"""The ends of the pipes, and a person at a real terminal: what goes in and out, in any state."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ANSWER
from tests.models import build_scripted_model
from tests.terminal_talk import (
    PATIENCE,
    PROGRAM,
    REPOSITORY,
    Talk,
    assert_one_sentence,
    chat,
    environment,
    transcript,
)

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX"),
    pytest.mark.timeout(120),
]


# -- the ends of the pipes ------------------------------------------------------------------


def test_a_reader_that_goes_away_ends_it_quietly(
    endless_model: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(endless_model)
    going.write("Hi\n" * 10)
    going.wait_for("Over and over")
    going.process.stdout.close()
    assert going.process.wait(PATIENCE) == 1
    assert going.process.stderr.read() == b""


@pytest.mark.parametrize(
    ("redirection", "code", "output"),
    [
        ("<&-", 0, b"[+] USER: \n"),
        (">&-", 0, b""),
        ("2>&-", 0, transcript(ANSWER)),
        pytest.param(
            ">/dev/full",
            1,
            b"",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full"),
        ),
    ],
    ids=["no input", "no output", "no errors", "full disk"],
)
def test_streams_that_are_closed_or_full(
    redirection: str, code: int, output: bytes, scripted_model: Path
) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *PROGRAM, scripted_model],
        input=b"Hi\n",
        capture_output=True,
        cwd=REPOSITORY,
        env=environment(),
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, output)
    if code:
        assert "No space left" in assert_one_sentence(done.stderr)
    else:
        assert done.stderr == b""


# -- a person at a terminal -----------------------------------------------------------------


def test_a_person_at_a_terminal(endless_model: Path, talk: Callable[..., Talk]) -> None:
    going = talk(endless_model, on_terminal=True)
    going.wait_for("Loading the model… ")
    going.wait_for("Ctrl-C stops an answer, Ctrl-D ends.\r\n")
    going.wait_for("[+] USER: ")
    going.write("Hi\n")
    going.wait_for("Hi\r\n[+] AI: Over and over again it says the very same thing")
    going.write("\x03")
    going.wait_for("\r\n[+] USER: ")
    going.write("Once more\n")
    going.wait_for("Once more\r\n[+] AI: Over and over")
    going.write("\x03")
    going.wait_for("\r\n[+] USER: ")
    going.write("\x04")
    code, _ = going.end()
    assert code == 0
    assert going.said.endswith(b"[+] USER: \r\n")


def test_an_error_on_a_terminal_has_a_line_of_its_own(
    tmp_path: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(tmp_path / "nowhere.gguf", on_terminal=True)
    code, _ = going.end()
    assert code == 1
    lines = [line for line in going.said.decode().split("\r\n") if line]
    assert lines[-1].startswith("pychatbot: ") and "nowhere.gguf" in lines[-1]


def test_an_answer_cannot_command_the_terminal(tmp_path: Path, talk: Callable[..., Talk]) -> None:
    model = build_scripted_model(tmp_path / "escapes.gguf", "Now \x1b[2J it \x9b is \x07 gone.")
    going = talk(model, on_terminal=True)
    going.write("Hi\n")
    going.wait_for("Now ␛[2J it \ufffd is ␇ gone.")
    going.wait_for("\r\n[+] USER: ")
    going.write("\x04")
    assert going.end()[0] == 0
    # A script gets what the model said.
    assert chat("Hi\n", model).stdout == transcript("Now \x1b[2J it \x9b is \x07 gone.")
