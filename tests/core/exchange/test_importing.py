"""Import of real files: what is good in them is taken, what is not is said, nothing ends it."""

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pychatbot_gui.core.errors import Cancelled, StorageError
from pychatbot_gui.core.exchange.export import chunks, document, write_chunks
from pychatbot_gui.core.exchange.importing import MOST_PROBLEMS, Report, read_chats
from pychatbot_gui.core.history import SavedChat
from tests.core.exchange.trees import talk, trees

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path) -> tuple[list[SavedChat], Report]:
    report = Report()
    return list(read_chats(path, report)), report


def write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def chatgpt(title: str = "Rome") -> dict[str, object]:
    message = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}}
    nodes = {"a": {"message": None, "parent": None}, "b": {"message": message, "parent": "a"}}
    return {"title": title, "conversation_id": title, "mapping": nodes, "current_node": "b"}


def lmstudio(text: str = "Hi") -> dict[str, object]:
    version = {"type": "singleStep", "role": "user", "content": [{"type": "text", "text": text}]}
    return {"name": "LM", "messages": [{"versions": [version], "currentlySelected": 0}]}


# -- our own --------------------------------------------------------------------------------


@one_folder
@given(chat=trees())
def test_export_then_import_gives_the_same_tree(chat: SavedChat, tmp_path: Path) -> None:
    write_chunks(tmp_path / "x.json", chunks(chat, "json"))
    taken, report = read(tmp_path / "x.json")
    assert taken == [chat]
    assert report.sentences() == ()


@one_folder
@given(chats=st.lists(trees(), max_size=4))
def test_all_conversations_come_back_in_order(chats: list[SavedChat], tmp_path: Path) -> None:
    write_chunks(tmp_path / "all.json", document(chats, len(chats)))
    taken, report = read(tmp_path / "all.json")
    assert taken == chats
    assert report.taken == len(chats)
    # As another program may write it again: other space, other order of the names.
    value = json.loads((tmp_path / "all.json").read_text())
    write(tmp_path / "all.json", json.dumps(value, indent=3, sort_keys=True))
    assert read(tmp_path / "all.json")[0] == chats


def test_half_a_character_survives(tmp_path: Path) -> None:
    write_chunks(tmp_path / "x.json", chunks(talk("a\ud83d"), "json"))
    taken, _ = read(tmp_path / "x.json")
    assert taken[0].messages[0].text == "a\ufffd"


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    text = "".join(chunks(talk("a", "b"), "json")).replace('"version": 1', '"version": 2')
    with pytest.raises(StorageError, match="newer PyChatbot.*Update"):
        read(write(tmp_path / "x.json", text))


# -- several in a file ----------------------------------------------------------------------


def test_all_three_kinds_in_one_list(tmp_path: Path) -> None:
    ours = json.loads("".join(chunks(talk("a"), "json")))["conversations"][0]
    taken, report = read(write(tmp_path / "x.json", [chatgpt(), ours, lmstudio()]))
    assert [chat.title for chat in taken] == ["Rome", "A talk", "LM"]
    assert report.summary() == "3 conversations imported."


def test_one_bad_entry_costs_no_other_one(tmp_path: Path) -> None:
    good = json.dumps(chatgpt())
    bad = ["12", "null", '"text"', "[]", "{}", '{"mapping": nonsense}', '{"messages": []}']
    bad += ['{"mapping": {}}', '{"mapping": {"a": 1}, "title": [1]}', '{"a": 1' + "0" * 5000 + "}"]
    taken, report = read(write(tmp_path / "x.json", f"[{good}, {', '.join(bad)}, {good}]"))
    assert len(taken) == 2
    assert report.refused == len(bad)
    assert report.summary() == "2 conversations imported, 10 could not be taken."
    for number in range(2, 2 + len(bad)):
        assert any(f"entry {number}" in sentence for sentence in report.problems)
    assert any("damaged at byte" in sentence for sentence in report.problems)


@pytest.mark.parametrize("cut", [0.999, 0.7, 0.5, 0.2])
def test_a_file_that_was_cut_off(tmp_path: Path, cut: float) -> None:
    text = json.dumps([chatgpt(f"Chat {n}") for n in range(10)])
    taken, report = read(write(tmp_path / "x.json", text[: int(len(text) * cut)]))
    assert [chat.title for chat in taken] == [f"Chat {n}" for n in range(len(taken))]
    assert len(taken) == int(10 * cut) or cut == 0.999
    assert "ends" in report.problems[-1]


@one_folder
@given(data=st.data())
def test_damaged_anywhere_it_never_breaks(data: st.DataObject, tmp_path: Path) -> None:
    whole = json.dumps([chatgpt("Ünï"), lmstudio('x\\y"z')], ensure_ascii=False).encode()
    at = data.draw(st.integers(0, len(whole) - 1))
    part = data.draw(
        st.binary(max_size=4) | st.sampled_from([b'"', b"\\", b"]", b"{", b"[[", b","])
    )
    (tmp_path / "x.json").write_bytes(
        whole[:at] + part + whole[at + data.draw(st.integers(0, 3)) :]
    )
    report = Report()
    try:
        taken = list(read_chats(tmp_path / "x.json", report))
    except StorageError as error:
        assert "x.json" in str(error)
    else:
        assert len(taken) == report.taken <= 2


# -- what is no conversation ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"   \n", "is empty"),
        (b"<html>", "not JSON"),
        (b"GGUF\x03", "not JSON"),
        ("[]".encode("utf-16"), "UTF-16"),
        (b"{", "ends in the middle"),
        (b'{"a": 1}', "not a conversation"),
        (b'{"mapping": {"a": }}', "damaged at byte"),
        (b"PK\x03\x04 broken", "damaged"),
        (b'{"a": "' + b"x" * 100, "ends in the middle"),
        (b'{"a": ' + b"[" * 100_000, "nested"),
    ],
)
def test_the_reason_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(StorageError, match=words) as caught:
        read(tmp_path / "x.json")
    assert "x.json" in str(caught.value)


def test_what_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").mkdir()
    for name in ("fifo", "missing", "empty"):
        with pytest.raises(StorageError, match=name):
            read(tmp_path / name)


def test_an_empty_list_is_no_error(tmp_path: Path) -> None:
    _, report = read(write(tmp_path / "x.json", "\ufeff [ ] "))
    assert report.summary() == "0 conversations imported."


def test_nested_without_end(tmp_path: Path) -> None:
    _, report = read(write(tmp_path / "x.json", f"[{json.dumps(chatgpt())}," + "[" * 3_000_000))
    assert report.taken == 1
    assert "nested" in report.problems[0]


def test_a_file_of_nothing_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="10,000"):
        read(write(tmp_path / "x.json", "[" + "1," * 20_000))


# -- archives and folders -------------------------------------------------------------------


def test_a_zip_with_several_parts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/conversations-000.json", json.dumps([chatgpt("One")]))
        archive.writestr("export/conversations-001.json", json.dumps([chatgpt("Two")]))
        archive.writestr("__MACOSX/export/._conversations-001.json", "junk")
        archive.writestr("export/user.json", "{}")
    taken, report = read(tmp_path / "x.zip")
    assert [chat.title for chat in taken] == ["One", "Two"]
    assert report.refused == 0


def test_a_zip_without_conversations(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("user.json", "{}")
    with pytest.raises(StorageError, match=r"no conversations\.json"):
        read(tmp_path / "x.zip")


def test_a_damaged_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", json.dumps([chatgpt(str(n)) for n in range(50)]))
    raw = bytearray((tmp_path / "x.zip").read_bytes())
    raw[60:90] = bytes(30)
    (tmp_path / "x.zip").write_bytes(raw)
    with pytest.raises(StorageError, match="damaged"):
        read(tmp_path / "x.zip")


def test_a_folder_of_chats(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    write(tmp_path / "1736789912980.conversation.json", lmstudio("one"))
    write(tmp_path / "inner" / "2.conversation.json", lmstudio("two"))
    write(tmp_path / "3.conversation.json", "nonsense")
    write(tmp_path / "config.json", {})
    os.mkfifo(tmp_path / "4.conversation.json")
    taken, report = read(tmp_path)
    assert [chat.messages[0].text for chat in taken] == ["one", "two"]
    assert taken[0].created == pytest.approx(1736789912.980)
    assert report.refused == 1
    assert "3.conversation.json" in report.problems[0]


def test_a_folder_of_our_own_exports(tmp_path: Path) -> None:
    for number in range(3):
        write_chunks(tmp_path / f"{number}.json", chunks(talk(str(number)), "json"))
    assert [chat.messages[0].text for chat in read(tmp_path)[0]] == ["0", "1", "2"]


# -- progress, stop, report -----------------------------------------------------------------


def test_progress_and_stop(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", [chatgpt("x" * 150) for _ in range(9000)])
    seen: list[tuple[int, int]] = []
    report = Report()
    taken = read_chats(path, report, lambda *at: seen.append(at), lambda: report.taken >= 5000)
    with pytest.raises(Cancelled):
        for _ in taken:
            pass
    assert report.taken == 5000
    assert seen == sorted(seen)
    assert 0 < seen[-1][0] < seen[-1][1] == path.stat().st_size


def test_the_report_stays_readable(tmp_path: Path) -> None:
    report = Report(taken=2, known=1)
    for number in range(MOST_PROBLEMS + 5):
        report.say(str(number))
    assert len(report.sentences()) == MOST_PROBLEMS + 1
    assert report.sentences()[-1] == "… and 5 more."
    assert report.summary() == "1 conversation imported, 1 was here already."


def test_the_same_file_gives_the_same_uids(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", [chatgpt(), chatgpt("Paris"), lmstudio()])
    first, second = read(path)[0], read(path)[0]
    assert first == second
    assert len({chat.uid for chat in first}) == 3


def test_hostile_names_in_the_report(tmp_path: Path) -> None:
    entry = chatgpt("\u202e\x1b[31m\n" + "x" * 1_000_000)
    empty = replace_text(entry, "Hi", {})
    taken, report = read(write(tmp_path / "x.json", [empty, empty]))
    assert taken == []
    assert report.refused == 2
    assert len(report.problems[0]) < 400
    assert "\x1b" not in report.problems[0]
    taken, _ = read(write(tmp_path / "x.json", [entry]))
    assert len(taken[0].title) <= 200


def replace_text(entry: dict[str, object], old: str, new: object) -> object:
    return json.loads(json.dumps(entry).replace(json.dumps(old), json.dumps(new)))


def test_our_titles_are_cut_only_where_they_are_too_long(tmp_path: Path) -> None:
    chat = replace(talk("a"), title="a  b" * 300_000)
    taken, report = read(write(tmp_path / "x.json", "".join(chunks(chat, "json"))))
    assert len(taken[0].title) == 200
    assert "title" in report.problems[0]
