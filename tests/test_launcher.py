"""The launcher is installed into a temporary desk, judged by the desktop's own tools, and run."""

import configparser
import os
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import pychatbot_gui
from pychatbot_gui import launcher
from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.core.paths import shipped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the XDG folders are Linux's")

ODD_FOLDERS = [
    "plain",
    "with space",
    "100% sure",
    "%f",
    "a=b",
    "quote\"s and 'ticks' and `these`",
    "$HOME",
    "back\\slash",
    "semi;colon&co",
    "Ünï-日本",
]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty home folder; the launcher's data go to a folder with a space in its name."""
    folder = tmp_path / "desk"
    folder.mkdir()
    data = folder / "own data"
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    # xdg-mime asks the desktop that runs; the answer must not depend on whose machine this is.
    for name in ("XDG_CURRENT_DESKTOP", "DESKTOP_SESSION", "KDE_FULL_SESSION"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def data(desk):
    return desk / "own data"


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def unescape(value):
    """Undo the escapes of a value of type string (Desktop Entry Specification)."""
    plain = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
    text, chars = "", iter(value)
    for char in chars:
        text += plain[next(chars)] if char == "\\" else char
    return text


def exec_words(entry, file=""):
    """Split an Exec line as the specification has it, and put in the file for %f."""
    line = unescape(entry["Exec"])
    words, word, quoted, chars = [], None, False, iter(line)
    for char in chars:
        if char == '"':
            quoted, word = not quoted, word or ""
        elif quoted:
            word += next(chars) if char == "\\" else char
        elif char == " ":
            words += [] if word is None else [word]
            word = None
        else:
            assert char not in "\t\n'\\><~|&;$*?#()`", f"{char} has to be quoted in {line}"
            word = (word or "") + char
    assert not quoted
    words += [] if word is None else [word]
    expanded = []
    for word in words:
        if word == "%f":
            expanded += [file] if file else []
        else:
            assert "%" not in word.replace("%%", ""), f"a field code in {word}"
            expanded.append(word.replace("%%", "%"))
    return expanded


def read_entry(data):
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True)
    parser.optionxform = str
    parser.read(data / "applications" / "pychatbot.desktop", encoding="utf-8")
    return parser["Desktop Entry"]


def make_program(folder):
    """A small program in an odd place, which prints the arguments it was given."""
    folder.mkdir()
    program = folder / "pychatbot-gui"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@"\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_install_writes_what_it_returns_and_nothing_outside_the_data_folder(desk, data):
    written = launcher.install()
    assert len(written) == len(set(written)) == 11
    assert all(path.is_file() for path in written)
    assert set(files_below(desk)) >= set(written)
    assert {path.relative_to(desk).parts[0] for path in files_below(desk)} <= {"own data", "config"}


def test_the_entry_passes_desktop_file_validate(desk, data):
    launcher.install()
    tool = shutil.which("desktop-file-validate")
    assert tool, "desktop-file-validate is missing: run.py --test installs it"
    done = subprocess.run(
        [tool, data / "applications" / "pychatbot.desktop"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_exec_line_starts_the_program(desk, data, tmp_path):
    launcher.install()
    entry = read_entry(data)
    assert os.access(unescape(entry["TryExec"]), os.X_OK)
    words = exec_words(entry)
    assert Path(words[0]).is_absolute()
    done = subprocess.run(
        [*words, "--version"], cwd=tmp_path, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr
    assert pychatbot_gui.__version__ in done.stdout


@pytest.mark.parametrize("name", ODD_FOLDERS)
def test_a_program_in_an_odd_folder_gets_the_file(desk, data, tmp_path, name):
    program = make_program(tmp_path / name)
    launcher.install([str(program)])
    entry = read_entry(data)
    assert unescape(entry["TryExec"]) == str(program)
    model = "/models/a b %20 $x.gguf"
    done = subprocess.run(exec_words(entry, model), capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.returncode) == (model + "|", 0)
    tool = shutil.which("desktop-file-validate")
    checked = subprocess.run(
        [tool, data / "applications" / "pychatbot.desktop"], capture_output=True, text=True
    )
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_first_word_of_exec_holds_no_percent_and_no_equals_sign(desk, data, tmp_path):
    for name in ("100% sure", "a=b"):
        launcher.install([str(make_program(tmp_path / name))])
        first = read_entry(data)["Exec"].split()[0]
        assert first == "/bin/sh"


def test_without_its_script_the_program_is_started_through_python(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    monkeypatch.setattr(sys, "argv", ["/somewhere/__main__.py"])
    monkeypatch.setattr(launcher.sysconfig, "get_path", lambda name: str(tmp_path))
    assert launcher._program() == [str(tmp_path / "python3"), "-m", "pychatbot_gui"]


def test_the_script_beside_this_python_is_preferred(monkeypatch, tmp_path):
    program = make_program(tmp_path / "bin")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python3"))
    monkeypatch.setattr(sys, "argv", ["/somewhere/__main__.py"])
    assert launcher._program() == [str(program)]


def test_the_mime_definition_knows_gguf_by_name_and_by_content():
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    root = ET.parse(shipped("resources", "pychatbot-mime.xml")).getroot()
    (kind,) = root.findall(f"{space}mime-type")
    assert kind.get("type") == "application/x-gguf"
    assert [glob.get("pattern") for glob in kind.findall(f"{space}glob")] == ["*.gguf"]
    (match,) = kind.iter(f"{space}match")
    assert (match.get("value"), match.get("offset"), match.get("type")) == ("GGUF", "0", "string")


def test_the_mime_database_takes_the_definition(desk, data):
    assert shutil.which("update-mime-database"), "run.py --test installs shared-mime-info"
    launcher.install()
    globs = (data / "mime" / "globs2").read_text(encoding="utf-8").splitlines()
    assert "50:application/x-gguf:*.gguf" in globs
    assert (data / "mime" / "mime.cache").stat().st_size > 0
    assert b"GGUF" in (data / "mime" / "magic").read_bytes()


def test_the_applications_cache_opens_gguf_with_this_program(desk, data):
    assert shutil.which("update-desktop-database"), "run.py --test installs desktop-file-utils"
    launcher.install()
    cache = (data / "applications" / "mimeinfo.cache").read_text(encoding="utf-8")
    assert "application/x-gguf=pychatbot.desktop" in cache


def test_the_icons_have_the_size_of_their_folder(desk):
    for path in launcher.install():
        if path.suffix == ".png":
            header = path.read_bytes()[:24]
            assert header[:8] == b"\x89PNG\r\n\x1a\n"
            size = int(path.parent.parent.name.split("x")[0])
            assert (
                int.from_bytes(header[16:20], "big"),
                int.from_bytes(header[20:24], "big"),
            ) == (size, size)


def test_remove_leaves_nothing(desk, data):
    written = launcher.install()
    assert set(launcher.remove()) == set(written)
    assert files_below(desk) == []
    assert not data.exists() or list(data.iterdir()) == []


def test_installing_twice_and_removing_twice_is_fine(desk):
    assert launcher.install() == launcher.install()
    assert launcher.remove()
    assert launcher.remove() == []


def test_remove_keeps_what_is_not_ours(desk, data):
    others = {
        data / "applications" / "other.desktop": "[Desktop Entry]\nType=Application\nName=Other\n"
        "Exec=true\nMimeType=text/x-other;\n",
        data / "mime" / "packages" / "other.xml": '<mime-info xmlns="http://www.freedesktop.org/'
        'standards/shared-mime-info"><mime-type type="text/x-other"><comment>Other</comment>'
        '<glob pattern="*.other"/></mime-type></mime-info>',
        data / "icons" / "hicolor" / "48x48" / "apps" / "other.png": "not looked at",
        desk / "config" / "mimeapps.list": "[Default Applications]\ntext/x-other=other.desktop\n",
    }
    for path, content in others.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    launcher.install()
    launcher.remove()
    for path, content in others.items():
        assert path.read_text(encoding="utf-8") == content
    assert "x-other" in (data / "mime" / "globs2").read_text(encoding="utf-8")
    assert not any("gguf" in path.name or "pychatbot" in path.name for path in files_below(desk))


def make_xdg_mime(folder, default):
    """A stand-in for xdg-mime, which writes the person's list as the real one does."""
    folder.mkdir()
    tool = folder / "xdg-mime"
    tool.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = query ]; then echo "{default}"; exit 0; fi\n'
        'mkdir -p "$XDG_CONFIG_HOME"\n'
        'echo "[Default Applications]" >> "$XDG_CONFIG_HOME/mimeapps.list"\n'
        'echo "$3=$2" >> "$XDG_CONFIG_HOME/mimeapps.list"\n',
        encoding="utf-8",
    )
    tool.chmod(0o755)


def test_the_program_becomes_the_default_where_there_is_none(desk, tmp_path, monkeypatch):
    make_xdg_mime(tmp_path / "bin", default="")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    launcher.install()
    chosen = (desk / "config" / "mimeapps.list").read_text(encoding="utf-8")
    assert "application/x-gguf=pychatbot.desktop" in chosen
    launcher.remove()
    assert not (desk / "config" / "mimeapps.list").exists()


def test_the_persons_choice_of_another_program_stays(desk, tmp_path, monkeypatch):
    make_xdg_mime(tmp_path / "bin", default="other.desktop")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    launcher.install()
    assert not (desk / "config" / "mimeapps.list").exists()


def test_without_the_desktops_tools_the_files_are_still_written(desk, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    written = launcher.install()
    assert files_below(desk) == sorted(written)
    launcher.remove()
    assert files_below(desk) == []


def test_a_tool_that_fails_is_logged_and_does_not_matter(desk, monkeypatch, tmp_path, caplog):
    tool = tmp_path / "bin" / "update-mime-database"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    assert launcher.install()
    assert "update-mime-database failed" in caplog.text


def test_a_relative_data_folder_is_ignored(desk, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.chdir(tmp_path)
    for path in launcher.install():
        assert path.is_relative_to(desk / ".local" / "share")
    assert not (tmp_path / "relative").exists()


def test_a_home_that_cannot_be_written_is_told_in_a_sentence(desk, data):
    data.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(StorageError, match="could not be installed") as caught:
        launcher.install()
    assert caught.value.detail
