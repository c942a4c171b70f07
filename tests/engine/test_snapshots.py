"""Snapshots on disk: found again, left aside where anything is wrong with them, never a crash."""

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pychatbot_gui.engine import llama
from pychatbot_gui.engine.engine import Engine, Event, Notice, Sampling
from pychatbot_gui.engine.llama import LlamaEngine
from pychatbot_gui.engine.model_process import ModelProcess
from pychatbot_gui.engine.snapshots import SnapshotFolder
from tests.engine.kinds import build_hybrid, build_plain
from tests.engine.talk import assistant, events, finished, load, read_ahead, text_of, user

SHORT = Sampling(temperature=0, max_tokens=5)
QUESTION = user("What is this? " * 30)
OTHER = user("Something else. " * 30)


@pytest.fixture(scope="module")
def model(model_folder: Path) -> Path:
    return build_hybrid(model_folder / "snapshots.gguf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "snapshots"


@pytest.fixture
def start(folder: Path, model: Path) -> Iterator[Callable[..., LlamaEngine]]:
    """Ends the engine there is, if any, and starts another one, as a restart does."""
    made: list[LlamaEngine] = []

    def again(path: Path = model, **more: object) -> LlamaEngine:
        for engine in made:
            engine.close()
        made[:] = [LlamaEngine(snapshots=folder)]
        load(made[0], path, **more)
        return made[0]

    yield again
    for engine in made:
        engine.close()


def reused(engine: Engine, chat: str = "a") -> int:
    return finished(events(engine, QUESTION, sampling=SHORT, chat=chat)).reused_tokens


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.kv"))


def test_only_the_person_can_read_them(start: Callable[..., LlamaEngine], folder: Path) -> None:
    engine = start()
    events(engine, QUESTION, sampling=SHORT, chat="a")
    engine.save()
    (path,) = files(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(folder.iterdir()) == [path], "nothing unfinished is left"
    assert reused(start()) > 50


def test_nothing_is_kept_of_a_chat_without_a_key(
    start: Callable[..., LlamaEngine], folder: Path
) -> None:
    events(start(), QUESTION, sampling=SHORT)
    start()
    assert files(folder) == []


def test_a_chat_that_is_forgotten_leaves_nothing(
    start: Callable[..., LlamaEngine], folder: Path
) -> None:
    engine = start()
    for chat in ("a", "b", "c"):
        events(engine, QUESTION, sampling=SHORT, chat=chat)
    engine.save()
    assert len(files(folder)) == 3
    engine.forget("c")  # the one in the cache
    engine.forget("a")
    assert len(files(folder)) == 1
    read_ahead(engine, QUESTION, assistant("Yes."), chat="a")  # it was on its way already
    start()
    assert len(files(folder)) == 1, "nor does it come back at the end"
    LlamaEngine(snapshots=folder).forget("b")
    assert files(folder) == []


def test_switched_off_everything_is_deleted(
    start: Callable[..., LlamaEngine], folder: Path
) -> None:
    engine = start()
    reused(engine)
    engine.save()
    engine = start(snapshots=False)
    assert files(folder) == []
    assert reused(engine) == 0
    events(engine, OTHER, sampling=SHORT, chat="b")
    assert reused(engine) > 50, "within a run it is still remembered"
    start()
    assert files(folder) == []


def test_the_longest_unused_goes_when_there_are_too_many(
    start: Callable[..., LlamaEngine], folder: Path
) -> None:
    engine = start()
    paths: list[Path] = []
    for age, chat in enumerate("abc"):
        events(engine, QUESTION, sampling=SHORT, chat=chat)
        engine.save()
        (path,) = set(files(folder)) - set(paths)
        os.utime(path, (10**9 + age, 10**9 + age))
        paths.append(path)
    engine = start()
    assert reused(engine, "a") > 50, "it is used again"
    size = paths[0].stat().st_size
    room = SnapshotFolder(folder)
    room.make_room(4 * size, size)
    assert set(files(folder)) == set(paths)
    room.make_room(3 * size, size)
    assert set(files(folder)) == {paths[0], paths[2]}


@pytest.mark.parametrize("change", ["n_ctx", "chat_format", "file", "template", "library"])
def test_what_holds_no_more_is_removed(
    start: Callable[..., LlamaEngine],
    folder: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    path = Path(shutil.copy2(model, tmp_path / "model.gguf"))
    engine = start(path)
    reused(engine)
    engine.save()
    (kept,) = files(folder)
    more: dict[str, object] = {}
    if change == "n_ctx":
        more["n_ctx"] = 1024
    elif change == "chat_format":
        more["chat_format"] = "chatml"
    elif change == "library":
        monkeypatch.setattr(llama.llama_cpp, "__version__", "another")
    elif change == "template":
        build_hybrid(path, template="{% for m in messages %}{{ m.content }}\n{% endfor %}")
    else:  # another file of the same name, size and time
        raw, about = bytearray(path.read_bytes()), path.stat()
        raw[-3000:] = bytes(3000)
        path.write_bytes(raw)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    engine = start(path, **more)
    assert kept not in files(folder)
    assert reused(engine) == 0


def test_keeping_them_waits_for_what_is_wanted(
    start: Callable[..., LlamaEngine], folder: Path
) -> None:
    engine = start()
    for chat in "abc":
        events(engine, QUESTION, sampling=SHORT, chat=chat)
    engine.save(lambda: bool(files(folder)))
    assert len(files(folder)) == 1
    engine.save(lambda: True)
    assert len(files(folder)) == 1
    engine.save()
    assert len(files(folder)) == 3


def test_another_models_is_left_alone(
    start: Callable[..., LlamaEngine], folder: Path, model: Path, model_folder: Path
) -> None:
    other = build_plain(model_folder / "other.gguf")
    assert reused(start()) == 0
    assert reused(start(other)) == 0
    assert reused(start()) > 50
    assert reused(start(other)) > 50
    assert len(files(folder)) == 2


@pytest.mark.parametrize("where", ["elsewhere", "cut"])
def test_a_damaged_one_is_left_aside_and_removed(
    start: Callable[..., LlamaEngine], folder: Path, where: str
) -> None:
    answer = text_of(events(start(), QUESTION, sampling=SHORT, chat="a"))
    start()
    (path,) = files(folder)
    raw = path.read_bytes()
    places = sorted({*range(0, len(raw), max(1, len(raw) // 12)), 3, 11, len(raw) - 1})
    for at in places:
        changed = bytearray(raw)
        changed[at] ^= 0xFF
        engine = start()
        path.write_bytes(changed if where == "elsewhere" else raw[:at])
        got = events(engine, QUESTION, sampling=SHORT, chat="a")
        assert text_of(got) == answer
        assert finished(got).reused_tokens == 0
        assert not path.exists()
        engine.forget("a")


def test_anothers_file_under_this_name_is_left_aside(
    start: Callable[..., LlamaEngine], folder: Path
) -> None:
    engine = start()
    reused(engine, "a")
    engine.save()
    (of_a,) = files(folder)
    events(engine, OTHER, sampling=SHORT, chat="b")
    engine.save()
    (of_b,) = set(files(folder)) - {of_a}
    engine = start()
    shutil.copy(of_b, of_a)
    assert reused(engine, "a") == 0
    assert not of_a.exists()


@pytest.mark.parametrize("content", [b"", b"no snapshot" * 9, bytes(5000), None])
def test_a_foreign_file_under_this_name_is_left_aside(
    start: Callable[..., LlamaEngine], folder: Path, content: bytes | None
) -> None:
    answer = text_of(events(start(), QUESTION, sampling=SHORT, chat="a"))
    engine = start()
    (path,) = files(folder)
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    got = events(engine, QUESTION, sampling=SHORT, chat="a")
    assert text_of(got) == answer
    assert finished(got).reused_tokens == 0
    assert not path.is_file()


def test_two_programs_in_one_folder(
    start: Callable[..., LlamaEngine], folder: Path, model: Path
) -> None:
    """What the other one wrote in place of a snapshot is not taken for it."""
    one, two = start(), LlamaEngine(snapshots=folder)
    load(two, model)
    other = user(QUESTION.text.replace("this", "that"))
    first = events(one, QUESTION, sampling=SHORT, chat="a")
    one.save()
    events(one, OTHER, sampling=SHORT, chat="b")
    from_two = events(two, other, sampling=SHORT, chat="a")
    two.save()
    assert finished(from_two).prompt_tokens == finished(first).prompt_tokens
    again = events(one, QUESTION, sampling=SHORT, chat="a")
    assert text_of(again) == text_of(first) != text_of(from_two)
    two.forget("a")
    events(one, OTHER, sampling=SHORT, chat="b")
    assert text_of(events(one, QUESTION, sampling=SHORT, chat="a")) == text_of(first)
    two.close()


def test_what_a_killed_program_left_unfinished_is_removed(
    start: Callable[..., LlamaEngine], folder: Path
) -> None:
    engine = start()
    reused(engine, "a")
    engine.save()
    (path,) = files(folder)
    of_a, of_other = folder / f".{path.stem}-1.part", folder / ".another-2.part"
    for part in (of_a, of_other):
        part.write_bytes(b"what was said")
    start()
    assert of_a.exists() and of_other.exists(), "another program may be writing them"
    os.utime(of_other, (10**9, 10**9))
    engine = start()
    assert not of_other.exists() and of_a.exists()
    engine.forget("a")
    assert list(folder.iterdir()) == []
    of_other.write_bytes(b"what was said")
    start(snapshots=False)
    assert list(folder.iterdir()) == []


def _notices(got: list[Event]) -> list[str]:
    return [event.text for event in got if isinstance(event, Notice)]


def test_a_folder_that_cannot_be_used_is_told_once(folder: Path, model: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    engine = LlamaEngine(snapshots=folder)
    told = load(engine, model).notices
    got = events(engine, QUESTION, sampling=SHORT, chat="a")
    assert any("cannot be kept" in notice for notice in told)
    assert _notices(got) == [] and text_of(got)
    events(engine, OTHER, sampling=SHORT, chat="b")
    engine.save()
    assert reused(engine) > 50, "it is still remembered in memory"
    engine.close()


@pytest.mark.parametrize("room", [0, 1000, 0.5, 0.999])
def test_a_full_disk_is_told_once(
    start: Callable[..., LlamaEngine], folder: Path, room: float
) -> None:
    """`room`: bytes of a file that can be written, or which part of a snapshot."""
    resource = pytest.importorskip("resource")
    engine = start()
    if 0 < room < 1:
        events(engine, QUESTION, sampling=SHORT, chat="x")
        engine.save()
        (path,) = files(folder)
        room *= path.stat().st_size
        engine.forget("x")
    first = events(engine, QUESTION, sampling=SHORT, chat="a")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), hard))
    try:
        engine.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(folder.iterdir()) == []
    messages = (QUESTION, assistant(text_of(first)), user("And?"))
    got = events(engine, *messages, sampling=SHORT, chat="a")
    assert len(_notices(got)) == 1 and "cannot be kept" in _notices(got)[0]
    assert finished(got).reused_tokens > 50
    engine.save()
    assert _notices(events(engine, OTHER, sampling=SHORT, chat="b")) == []


# -- through the model process --------------------------------------------------------------


def test_a_model_process_keeps_them_when_it_is_idle_and_at_its_end(
    tmp_path: Path, folder: Path, model: Path, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    process = ModelProcess(tmp_path / "log", snapshots=folder, idle=0.05)
    load(process, model)
    reused(process, "a")
    wait_until(lambda: len(files(folder)) == 1)
    assert process.pid is not None
    os.kill(process.pid, 9)
    assert reused(process, "a") > 50, "also where it was killed"
    process.close()
    process = ModelProcess(tmp_path / "log", snapshots=folder)
    load(process, model)
    assert reused(process, "a") > 50
    reused(process, "b")
    load(process, model)
    assert len(files(folder)) == 2, "kept when another model is loaded"
    process.forget("b")
    assert len(files(folder)) == 1
    reused(process, "c")
    process.close()
    assert len(files(folder)) == 2, "kept at the end"
    ModelProcess(tmp_path / "log", snapshots=folder).forget("a")
    assert len(files(folder)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_model_process_that_is_told_to_end_keeps_them(
    tmp_path: Path, folder: Path, model: Path
) -> None:
    """As every process is when the computer shuts down, before the program has said a word."""
    process = ModelProcess(tmp_path / "log", snapshots=folder)
    load(process, model)
    reused(process, "a")
    assert process.pid is not None
    told = psutil.Process(process.pid)
    told.terminate()
    psutil.wait_procs([told], timeout=20)
    assert len(files(folder)) == 1
    assert reused(process, "a") > 50, "and the next message starts it again"
    process.close()


def test_a_model_process_reads_ahead_but_starts_no_model_for_it(
    tmp_path: Path, model: Path
) -> None:
    process = ModelProcess(tmp_path / "log")
    assert read_ahead(process, QUESTION) == []
    load(process, model)
    ahead = finished(read_ahead(process, QUESTION, assistant("Yes.")))
    assert ahead.prompt_tokens > 50 and ahead.reused_tokens == 0
    got = events(process, QUESTION, assistant("Yes."), user("And?"), sampling=SHORT)
    assert finished(got).reused_tokens == ahead.prompt_tokens
    assert process.pid is not None
    os.kill(process.pid, 9)
    assert read_ahead(process, QUESTION) == []
    process.close()
