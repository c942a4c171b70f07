"""Chats of the terminal are kept, gone on with, listed and written out: by the real program."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.history import WRITING, SavedChat
from pychatbot_gui.store.chats import NewAnswer, NewQuestion
from tests.conftest import ANSWER
from tests.models import script_pieces
from tests.stores import opened, saved
from tests.terminal_talk import (
    PATIENCE,
    PROGRAM,
    REPOSITORY,
    Talk,
    answers_of,
    assert_one_sentence,
    chat,
    environment,
    transcript,
)

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX"),
    pytest.mark.timeout(120),
]


def texts(one: SavedChat) -> list[tuple[str, str]]:
    return [(m.text, m.ended) for m in one.path()]


def add_chat(database: Path, text: str, answer: str = "An answer.", **question: object) -> int:
    with opened(database) as store:
        made, _, answered = store.add_exchange(
            0,
            NewQuestion(text, **question),  # type: ignore[arg-type]
            NewAnswer(),
        )
        store.finish_answer(answered, answer, "stop")
        return made


# -- kept as it happens ---------------------------------------------------------------------


def test_a_chat_is_kept_with_everything_that_is_known(database: Path, scripted_model: Path) -> None:
    done = chat("Hi \xff\nAnd again\n", scripted_model, "Be kind.", "--temperature", "0.5")
    assert (done.returncode, done.stdout, done.stderr) == (0, transcript(ANSWER, ANSWER), b"")
    (one,) = saved(database)
    assert (one.title, one.titled_by, one.system) == ("Hi ÿ", "start", "Be kind.")
    assert texts(one) == [("Hi ÿ", ""), (ANSWER, "stop"), ("And again", ""), (ANSWER, "stop")]
    answer = one.path()[1]
    assert (answer.role, answer.model) == (Role.ASSISTANT, "Scripted model")
    assert answer.sampling["temperature"] == 0.5
    assert answer.prompt_tokens > 5 and answer.reply_tokens >= len(script_pieces(ANSWER))
    assert answer.tokens_per_second > 0
    assert database.stat().st_mode & 0o777 == 0o600


def test_two_programs_keep_two_chats(database: Path, scripted_model: Path) -> None:
    chat("One\n", scripted_model)
    chat("Two\n", scripted_model)
    assert [one.title for one in saved(database)] == ["Two", "One"]


def test_nothing_said_is_no_chat(database: Path, scripted_model: Path) -> None:
    chat("\n  \n", scripted_model)
    assert saved(database) == []


def test_a_message_is_kept_before_its_answer_and_the_answer_while_it_is_written(
    database: Path,
    endless_model: Path,
    talk: Callable[..., Talk],
    wait_until: Callable[[Callable[[], bool]], None],
) -> None:
    going = talk(endless_model, "--max-tokens", "0")
    going.write("Tell me everything\n")
    going.wait_for("[+] AI: Over and over again")

    def length() -> int:
        (one,) = saved(database)
        assert one.path()[0].text == "Tell me everything"
        assert one.path()[1].ended == WRITING
        return len(one.path()[1].text)

    wait_until(lambda: length() > 0)
    before = length()
    wait_until(lambda: length() > before)
    going.process.send_signal(signal.SIGKILL)
    going.process.wait(PATIENCE)
    done = chat("", "--list")
    assert done.stdout.decode().endswith("\tTell me everything\n")
    ((_, _), (text, ended)) = texts(saved(database)[0])
    assert ended == "crash"
    assert len(text) >= before and text.startswith("Over and over again")


def test_at_most_half_a_second_of_an_answer_is_lost(
    database: Path, endless_model: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(endless_model, "--max-tokens", "0")
    going.write("Hi\n")
    going.wait_for("[+] AI: Over")
    heard: list[tuple[float, int]] = []
    for _ in range(40):
        going.wait_for("it says the very same thing")
        heard.append((time.monotonic(), len(going.said)))
    going.process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    going.process.wait(PATIENCE)
    chat("", "--list")
    text = texts(saved(database)[0])[1][0]
    shown = going.said.partition(b"[+] AI: ")[2].decode()
    assert shown.startswith(text[: len(shown)])
    due = max((length for at, length in heard if at < killed - 0.5), default=0)
    assert len(text) >= due - len("[+] USER: [+] AI: ") - 1


def test_a_stopped_answer_is_kept_as_far_as_it_came(
    database: Path, endless_model: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(endless_model)
    going.write("Hi\n")
    going.wait_for("[+] AI: Over and over again")
    going.interrupt()
    going.wait_for("\n[+] USER: ")
    assert going.end()[0] == 0
    answer = answers_of(going.said)[0]
    assert texts(saved(database)[0]) == [("Hi", ""), (answer, "cancelled")]


def test_a_cut_answer_is_kept_as_cut(database: Path, scripted_model: Path) -> None:
    chat("Hi\n", scripted_model, "--max-tokens", "3")
    assert saved(database)[0].path()[1].ended == "length"


def test_a_refused_message_is_taken_back(database: Path, scripted_model: Path) -> None:
    long = "word " * 20_000 + "\n"
    assert chat(long, scripted_model).returncode == 1
    assert saved(database) == []
    assert chat("Hi\n" + long, scripted_model).returncode == 1
    (one,) = saved(database)
    assert texts(one) == [("Hi", ""), (ANSWER, "stop")]
    assert len(one.messages) == 2


def test_a_model_that_dies_leaves_what_it_wrote(
    database: Path, endless_model: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(endless_model)
    going.write("Hi\n")
    going.wait_for("[+] AI: Over and over again")
    going.model_process().kill()
    assert going.end()[0] == 1
    ((_, _), (text, ended)) = texts(saved(database)[0])
    assert ended == "error"
    assert text == answers_of(going.said)[0]


def test_a_reader_that_goes_away_leaves_the_answer_so_far(
    database: Path, endless_model: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(endless_model)
    going.write("Hi\n")
    going.wait_for("Over and over")
    going.process.stdout.close()
    assert going.process.wait(PATIENCE) == 1
    ((_, _), (text, ended)) = texts(saved(database)[0])
    assert text.startswith("Over and over") and ended == "cancelled"


def test_what_the_model_no_longer_sees_is_kept_too(
    home: Path, database: Path, endless_model: Path
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "model_parameters.json").write_text('{"n_ctx": 256, "max_tokens": 60}')
    chat("One\nTwo\nThree\nFour\nFive\nSix\n", endless_model)
    (one,) = saved(database)
    assert len(one.path()) == 12
    assert 0 < one.hidden_turns < 6


# -- a store that does not work -------------------------------------------------------------


def test_a_chat_goes_on_unsaved_where_the_store_cannot_be_opened(
    home: Path, scripted_model: Path
) -> None:
    home.mkdir()
    (home / "data").write_text("a file in the way")
    done = chat("Hi\nMore\n", scripted_model)
    assert (done.returncode, done.stdout) == (0, transcript(ANSWER, ANSWER))
    said = done.stderr.decode()
    assert said.count("\n") == 1 and said.endswith("This chat is not saved.\n")
    done = chat("Hi\n", scripted_model, "--continue")
    assert (done.returncode, done.stdout) == (1, b"")
    assert_one_sentence(done.stderr)


def test_a_chat_goes_on_unsaved_where_the_store_can_no_longer_be_written(
    database: Path, scripted_model: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(scripted_model)
    going.write("Hi\n")
    going.wait_for("Good bye.\n[+] USER: ")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE messages")
        connection.commit()
    going.write("More\n")
    going.wait_for("Good bye.\n[+] USER: ")
    going.write("And more\n")
    going.wait_for("Good bye.\n[+] USER: ")
    code, errors = going.end()
    assert (code, going.said) == (0, transcript(ANSWER, ANSWER, ANSWER))
    said = errors.decode()
    assert said.count("\n") == 1 and said.endswith("From here on this chat is not saved.\n")


def test_a_chat_that_was_erased_meanwhile(
    database: Path, scripted_model: Path, talk: Callable[..., Talk]
) -> None:
    going = talk(scripted_model)
    going.write("Hi\n")
    going.wait_for("Good bye.\n[+] USER: ")
    with opened(database) as store:
        store.erase(store.latest_chat())
    going.write("More\n")
    going.wait_for("Good bye.\n[+] USER: ")
    code, errors = going.end()
    assert code == 0
    assert errors.decode().endswith("From here on this chat is not saved.\n")


# -- --continue -----------------------------------------------------------------------------


def test_the_last_chat_goes_on(database: Path, random_model: Path) -> None:
    greedy = (random_model, "--temperature", "0", "--max-tokens", "16")
    whole = chat("One\nTwo\n", *greedy, "Be kind.")
    first = chat("One\n", *greedy, "Be kind.")
    again = chat("Two\n", *greedy, "--continue")
    assert answers_of(first.stdout) + answers_of(again.stdout) == answers_of(whole.stdout)
    assert again.stderr.decode() == f"Going on with “One” (ID {saved(database)[0].id}).\n"
    latest, other = saved(database)
    assert texts(latest) == texts(other)
    assert latest.system == "Be kind."


def test_another_system_prompt_holds_from_here_on(database: Path, random_model: Path) -> None:
    greedy = (random_model, "--temperature", "0", "--max-tokens", "16")
    chat("One\n", *greedy, "Be kind.")
    kind = chat("Two\n", *greedy, "--continue")
    with opened(database) as store:
        last = store.chat(store.latest_chat())
        store.set_head(last.id, last.path()[1].id)
    rude = chat("Two\n", *greedy, "--continue", "--system", "Be rude.")
    assert answers_of(kind.stdout) != answers_of(rude.stdout)
    (one,) = saved(database)
    assert one.system == "Be rude."
    assert len(one.messages) == 6, "the other branch is still there"


def test_without_a_last_chat_a_new_one_begins(database: Path, scripted_model: Path) -> None:
    done = chat("Hi\n", scripted_model, "--continue")
    assert (done.returncode, done.stdout) == (0, transcript(ANSWER))
    assert done.stderr == b"There is no chat to go on with: this is a new one.\n"
    assert len(saved(database)) == 1


def test_the_samplers_of_the_chat_hold_and_the_command_line_holds_more(
    database: Path, scripted_model: Path
) -> None:
    one = add_chat(database, "Hi", sampling={"max_tokens": 3, "temperature": 99, "nonsense": 1})
    chat("More\n", scripted_model, "--continue")
    chat("More\n", scripted_model, "--continue", "--max-tokens", "2")
    with opened(database) as store:
        *_, third, _, fifth = store.chat(one).path()
    assert (third.reply_tokens, fifth.reply_tokens) == (3, 2)
    assert third.sampling["temperature"] == 0.8, "what cannot be used is as in the settings"


def test_an_answer_cut_by_a_crash_is_part_of_what_goes_on(
    database: Path, scripted_model: Path
) -> None:
    with opened(database) as store:
        _, _, answer = store.add_exchange(0, NewQuestion("Hi"), NewAnswer())
        store.append_text(answer, "Half an")
    with closing(sqlite3.connect(database)) as connection:  # as if its program were gone
        connection.execute("DELETE FROM writers")
        connection.commit()
    assert chat("More\n", scripted_model, "--continue").returncode == 0
    assert texts(saved(database)[0])[:2] == [("Hi", ""), ("Half an", "crash")]


# -- --list ---------------------------------------------------------------------------------


def test_the_list_is_a_line_for_each_chat_newest_first(database: Path) -> None:
    first, second, third = (add_chat(database, text) for text in ("One", "Two", "Three"))
    with opened(database) as store:
        store.pin(first, True)
        store.move(second, store.add_folder("Work"))
        gone = store.fork(third, store.chat(third).head)
        store.delete(gone)
    done = chat("", "--list")
    assert (done.returncode, done.stderr) == (0, b"")
    lines = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert [(int(i), title) for i, _, title in lines] == [
        (third, "Three"),
        (second, "Two"),
        (first, "One"),
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", date) for _, date, _ in lines)


def test_a_title_in_the_list_is_one_plain_line(database: Path) -> None:
    hostile = "a\tb\nc\x1b[2J\u202ed\x9b\u2028e 👩‍👩‍👧"
    with opened(database) as store:
        store.rename(add_chat(database, "Hi"), hostile)
    (line,) = chat("", "--list").stdout.decode().split("\n")[:-1]
    assert line.split("\t")[2:] == ["a␉b␊c␛[2J\ufffdd\ufffd\ufffde 👩‍👩‍👧"]


def test_a_date_that_no_clock_shows(database: Path) -> None:
    with opened(database) as store:
        store.add_imported(SavedChat(0, title="Old", updated=1e300))
    assert chat("", "--list").stdout.decode().endswith("\t?\tOld\n")


def test_a_list_of_nothing_makes_no_file(database: Path) -> None:
    done = chat("", "--list")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not database.exists()


def test_a_reader_that_has_enough_ends_the_list_quietly(database: Path) -> None:
    with opened(database) as store:
        for i in range(3000):
            store.add_imported(SavedChat(0, uid=f"{i}", title=f"{i} " + "long " * 40, updated=i))
    done = subprocess.run(
        ["sh", "-c", '"$@" | head -n 1', "sh", *PROGRAM, "--list"],
        capture_output=True,
        cwd=REPOSITORY,
        env=environment(),
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


def test_no_model_is_needed_for_a_list_or_an_export(database: Path) -> None:
    """Nor looked for: the last one is gone."""
    one = add_chat(database, "Hi")
    (database.parent / "window_state.json").write_text('{"model": "/gone/model.gguf"}')
    for words in (("--list",), ("--export", str(one))):
        done = chat("", *words)
        assert (done.returncode, done.stderr) == (0, b"")


# -- --export -------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["markdown", "html", "json", "text"])
def test_a_chat_is_written_to_standard_output(database: Path, format: str) -> None:
    from pychatbot_gui.core.exchange.export import chunks

    one = add_chat(database, "What is “this”? 😀", "It is *this*.\n\n- a\n", system="Be kind.")
    done = chat("", "--export", str(one), "--format", format)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == "".join(chunks(saved(database)[0], format))
    assert "It is" in done.stdout.decode()
    if format == "json":
        json.loads(done.stdout)
    if format == "markdown":
        assert chat("", "--export", str(one)).stdout == done.stdout


def test_a_deleted_chat_can_be_written_out(database: Path) -> None:
    one = add_chat(database, "Hi")
    with opened(database) as store:
        store.delete(one)
    assert b"An answer." in chat("", "--export", str(one), "--format", "text").stdout


@pytest.mark.parametrize("number", ["7", str(2**63 - 1)])
def test_an_unknown_id_is_one_line_and_exit_code_1(database: Path, number: str) -> None:
    for _ in range(2):
        done = chat("", "--export", number)
        assert (done.returncode, done.stdout) == (1, b"")
        assert f"no chat with the ID {number}" in assert_one_sentence(done.stderr)
        add_chat(database, "Another")


def test_a_damaged_or_newer_store_is_told(database: Path) -> None:
    one = add_chat(database, "Hi")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 10000")
    for words in (("--list",), ("--export", str(one))):
        done = chat("", *words)
        assert (done.returncode, done.stdout) == (1, b"")
        assert "newer" in assert_one_sentence(done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_told(database: Path) -> None:
    one = add_chat(database, "Hi")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "--export", str(one)],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=REPOSITORY,
            env=environment(),
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left" in assert_one_sentence(done.stderr)


def test_an_export_cannot_command_the_terminal(database: Path, talk: Callable[..., Talk]) -> None:
    one = add_chat(database, "Hi", "Now \x1b[2J it is gone.")
    going = talk("--export", str(one), "--format", "text", on_terminal=True)
    assert going.end()[0] == 0
    assert "it is gone." in going.said.decode() and b"\x1b" not in going.said
