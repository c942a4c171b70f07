"""The command line, and what happens where no window can be shown."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pychatbot_gui
from pychatbot_gui.__main__ import has_display, main
from pychatbot_gui.arguments import Arguments, parse_arguments
from pychatbot_gui.core.errors import PychatbotError
from tests.conftest import ANSWER

REPOSITORY = Path(__file__).resolve().parent.parent
NO_DISPLAY = "No display was found: the chat starts in this terminal.\n"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="X11 and Wayland")


# -- the words after the program's name -----------------------------------------------------


def test_no_arguments_ask_for_nothing() -> None:
    assert parse_arguments([]) == Arguments(
        model="", system=None, terminal=False, launcher="", overrides={}
    )


@pytest.mark.parametrize(
    "words",
    [
        ["/m/a.gguf", "You're an AI assistant"],
        ["You're an AI assistant", "/m/a.gguf"],
        ["--model", "/m/a.gguf", "You're an AI assistant"],
        ["--system", "You're an AI assistant", "/m/a.gguf"],
        ["/m/a.gguf", "--system=You're an AI assistant"],
    ],
)
def test_model_and_system_prompt_in_any_order(words: list[str]) -> None:
    given = parse_arguments(words)
    assert given.model == str(Path("/m/a.gguf").absolute())
    assert given.system == "You're an AI assistant"


def test_words_may_stand_between_options() -> None:
    given = parse_arguments(["/m/a.gguf", "--seed", "3", "Be brief", "--terminal"])
    assert (given.system, given.terminal, given.overrides) == ("Be brief", True, {"seed": 3})


def test_the_model_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_arguments(["some.GGUF"]).model == str(tmp_path / "some.GGUF")
    assert parse_arguments(["--model", "without-suffix"]).model == str(tmp_path / "without-suffix")
    monkeypatch.setenv("HOME", str(tmp_path))
    if sys.platform != "win32":
        assert parse_arguments(["~/a.gguf"]).model == str(tmp_path / "a.gguf")


def test_an_empty_system_prompt_is_one() -> None:
    assert parse_arguments(["--system", ""]).system == ""
    assert parse_arguments([""]).system == ""


def test_overrides_are_values_of_their_kind() -> None:
    given = parse_arguments(["--seed", "-1", "--temperature", "0", "--max-tokens", "24"])
    assert given.overrides == {"seed": -1, "temperature": 0.0, "max_tokens": 24}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a.gguf", "b.gguf"], "more than one model"),
        (["--model", "a.gguf", "b.gguf"], "more than one model"),
        (["one", "two"], "more than one system prompt"),
        (["--system", "one", "two"], "more than one system prompt"),
        (["--seed", "x"], "“seed” must be a whole number, not “x”"),
        (["--seed", "1.5"], "“seed” must be a whole number"),
        (["--temperature", "nan"], "“temperature” must be"),
        (["--temperature", "9"], "“temperature” must be from 0 to 5"),
        (["--max-tokens", "-1"], "“max_tokens” must be from 0"),
        (["--seed"], "expected one argument"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["--install-launcher", "--remove-launcher"], "not allowed with"),
        (["--list", "--export", "3"], "not allowed with"),
        (["--list", "--install-launcher"], "not allowed with"),
        (["--list", "a.gguf"], "--list and --export take no model"),
        (["--export", "3", "Be brief"], "no system prompt"),
        (["--list", "--seed", "1"], "--list and --export take no"),
        (["--list", "--continue"], "and no --continue"),
        (["--export", "x"], "“x” is not an ID"),
        (["--export", "0"], "“0” is not an ID"),
        (["--export", "-1"], "is not an ID"),
        (["--export", str(2**63)], "is not an ID"),
        (["--export", "9" * 5000], "is not an ID"),
        (["--export"], "expected one argument"),
        (["--export", "3", "--format", "docx"], "invalid choice"),
        (["--format", "html"], "--format is for --export"),
    ],
)
def test_wrong_arguments_end_with_2_and_say_why(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parse_arguments(words)
    said = capsys.readouterr()
    assert end.value.code == 2
    assert said.out == ""
    assert said.err.startswith("usage: ") and sentence in said.err


def test_saved_chats() -> None:
    assert parse_arguments(["--continue"]) == Arguments(continue_last=True)
    assert parse_arguments(["--continue", "--terminal", "Be brief"]).system == "Be brief"
    assert parse_arguments(["--list"]) == Arguments(terminal=True, list_chats=True)
    assert parse_arguments(["--terminal", "--list"]) == Arguments(terminal=True, list_chats=True)
    given = parse_arguments(["--export", "12"])
    assert (given.terminal, given.export, given.format) == (True, 12, "markdown")
    assert parse_arguments(["--format", "json", "--export", "12"]).format == "json"


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_version_and_help_end_well(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([word])
    said = capsys.readouterr()
    assert (end.value.code, said.err) == (0, "")
    if word == "--version":
        assert said.out == f"{pychatbot_gui.__version__}\n"
    else:
        assert "--max-tokens" in said.out


def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pychatbot_gui import app

    def refuse(_: Arguments) -> int:
        raise PychatbotError("“two\nlines \x1b[2J.gguf” is bad.\n\nChoose another.", "detail")

    monkeypatch.setattr(app, "run_terminal", refuse)
    assert main(["--terminal"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "pychatbot: “two lines \ufffd[2J.gguf” is bad. Choose another.\n"


def test_ctrl_c_at_an_odd_moment_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pychatbot_gui import app

    def interrupted(_: Arguments) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "run_terminal", interrupted)
    assert main(["--terminal"]) == 130
    assert capsys.readouterr().err == ""


# -- displays -------------------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "DISPLAY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Path]:
    """A socket that somebody listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        path = tmp_path / "wayland-7"
        server.bind(str(path))
        server.listen()
        yield path


@linux_only
@pytest.mark.parametrize("display", ["", ":4242", ":4242.0", "unix:4242", "nonsense", ":x", ":"])
def test_no_display(display: str, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("DISPLAY", display)
    assert not has_display()


@linux_only
def test_a_wayland_display_must_answer(listener: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("XDG_RUNTIME_DIR", str(listener.parent))
    bare.setenv("WAYLAND_DISPLAY", "wayland-8")
    assert not has_display()
    bare.setenv("WAYLAND_DISPLAY", listener.name)
    assert has_display()
    bare.delenv("XDG_RUNTIME_DIR")
    bare.setenv("WAYLAND_DISPLAY", str(listener))
    assert has_display()


@linux_only
def test_a_display_through_a_tunnel_must_answer(bare: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        number = server.getsockname()[1] - 6000
        bare.setenv("DISPLAY", f"127.0.0.1:{number}.0")
        assert has_display()
    assert not has_display()
    bare.setenv("DISPLAY", "localhost:99999")
    assert not has_display()


def test_a_named_platform_is_taken_at_its_word(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("QT_QPA_PLATFORM", "offscreen")
    assert has_display()


@linux_only
@pytest.mark.timeout(120)
@pytest.mark.parametrize("display", [None, ":4242"], ids=["none", "dead"])
def test_without_a_display_the_chat_starts_in_the_terminal(
    display: str | None, scripted_model: Path, bare: pytest.MonkeyPatch
) -> None:
    if display is not None:
        bare.setenv("DISPLAY", display)
    done = subprocess.run(
        [sys.executable, "-m", "pychatbot_gui", scripted_model],
        input=b"Hi\n",
        capture_output=True,
        cwd=REPOSITORY,
        env=dict(os.environ),
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, NO_DISPLAY)
    assert done.stdout.decode() == f"[+] USER: [+] AI: {ANSWER}\n[+] USER: \n"
