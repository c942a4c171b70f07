"""Puts the program into the person's menu and makes a double-click on a `.gguf` file open it.

On Linux by the desktop's own rules (Desktop Entry, icon theme, shared MIME info), in the person's
own folders only. On Windows and macOS a shortcut through pyshortcuts.
"""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from pychatbot_gui.core.errors import StorageError
from pychatbot_gui.core.paths import shipped

_log = logging.getLogger(__name__)

_NAME = "pychatbot"
_MIME_TYPE = "application/x-gguf"
_DESKTOP_FILE = f"{_NAME}.desktop"
_ICON_SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
# What the desktop's own tools generate, and leave behind when nothing of the person's is left.
_MIME_CACHES = (
    *("XMLnamespaces", "aliases", "generic-icons", "globs", "globs2", "icons", "magic"),
    *("mime.cache", "subclasses", "treemagic", "types", "version"),
)


def install(program: list[str] | None = None) -> list[Path]:
    """Install the launcher for the current user and return the files written.

    `program` is the command to start, without a file; by default the way this process was
    started. Installing again replaces what is there. Raises `StorageError` if a file cannot be
    written.
    """
    command = program or _program()
    try:
        if sys.platform in ("win32", "darwin"):
            return _install_shortcut()
        written = []
        for source, target in _linux_files():
            content = source.read_bytes()
            if target.name == _DESKTOP_FILE:
                content = _desktop_entry(content.decode("utf-8"), command).encode("utf-8")
            _write(target, content)
            written.append(target)
        _refresh_caches()
        _become_default()
    except (OSError, UnicodeEncodeError) as error:
        raise StorageError(
            "The launcher could not be installed. Check that your own folders can be written to "
            "and that the disk is not full.",
            str(error),
        ) from error
    return written


def remove() -> list[Path]:
    """Remove what `install` wrote, and nothing else; return the files removed.

    Raises `StorageError` if a file cannot be removed.
    """
    try:
        if sys.platform in ("win32", "darwin"):
            return _remove_shortcut()
        removed = []
        for _, target in _linux_files():
            if target.is_file() or target.is_symlink():
                target.unlink()
                removed.append(target)
        _forget_default()
        _refresh_caches()
        _tidy_up(target.parent for _, target in _linux_files())
    except OSError as error:
        raise StorageError(
            "The launcher could not be removed. Check that your own folders can be written to.",
            str(error),
        ) from error
    return removed


def _program() -> list[str]:
    """Return the command that starts this installation: its own script, or Python with -m."""
    script = "pychatbot-gui.exe" if sys.platform == "win32" else "pychatbot-gui"
    # sys.executable is not resolved: the link inside an environment is what makes it one.
    folders = [Path(sys.argv[0]).absolute().parent] if Path(sys.argv[0]).name == script else []
    folders += [Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))]
    for folder in folders:
        if os.access(folder / script, os.X_OK):
            return [str(folder / script)]
    return [sys.executable, "-m", "pychatbot_gui"]


def _folder(variable: str, default: str) -> Path:
    """Return one of the XDG base folders; the specification has relative values ignored."""
    value = os.environ.get(variable, "")
    return Path(value) if Path(value).is_absolute() else Path.home() / default


def _data_home() -> Path:
    return _folder("XDG_DATA_HOME", ".local/share")


def _linux_files() -> list[tuple[Path, Path]]:
    """Return each shipped file with the place where it belongs; the desktop entry comes last."""
    data, icons = _data_home(), shipped("resources", "icons")
    theme = data / "icons" / "hicolor"
    files = [
        (icons / f"{_NAME}-{size}.png", theme / f"{size}x{size}" / "apps" / f"{_NAME}.png")
        for size in _ICON_SIZES
    ]
    files.append((icons / f"{_NAME}.svg", theme / "scalable" / "apps" / f"{_NAME}.svg"))
    mime = f"{_NAME}-mime.xml"
    files.append((shipped("resources", mime), data / "mime" / "packages" / mime))
    files.append((shipped("resources", _DESKTOP_FILE), data / "applications" / _DESKTOP_FILE))
    return files


def _desktop_entry(template: str, command: list[str]) -> str:
    """Return the desktop entry that starts `command`, a list of absolute path and arguments."""
    words = command
    if any(mark in command[0] for mark in "%="):
        # GLib looks for the first word as it stands, with "%%", and the specification bans "=".
        words = ["/bin/sh", "-c", 'exec "$0" "$@"', *command]
    values = {
        "Exec": _escape(" ".join(map(_quote, words)) + " %f"),
        "TryExec": _escape(command[0]),
    }
    lines = []
    for line in template.splitlines():
        key = line.partition("=")[0]
        lines.append(f"{key}={values[key]}" if key in values else line)
    return "\n".join(lines) + "\n"


def _quote(word: str) -> str:
    """Quote one argument of an Exec line (Desktop Entry Specification, "The Exec key")."""
    word = word.replace("%", "%%")
    if word and not set(word) & set(" \t\n\"'\\><~|&;$*?#()`"):
        return word
    return '"' + "".join("\\" + char if char in '"`$\\' else char for char in word) + '"'


def _escape(value: str) -> str:
    """Escape a value of type string: this comes on top of the quoting of an Exec line."""
    escapes = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    value = "".join(escapes.get(char, char) for char in value)
    return "\\s" + value[1:] if value.startswith(" ") else value


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _run(*command: str) -> str:
    """Run one of the desktop's tools if it is there; return what it prints, "" if it fails."""
    tool = shutil.which(command[0])
    if tool is None:
        return ""
    try:
        done = subprocess.run(
            [tool, *command[1:]], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("%s failed: %s", command[0], error)
        return ""
    return done.stdout.strip()


def _refresh_caches() -> None:
    """Have the desktop notice the change at once."""
    data = _data_home()
    theme = data / "icons" / "hicolor"
    if (data / "mime" / "packages").is_dir():
        _run("update-mime-database", str(data / "mime"))
    if (data / "applications").is_dir():
        _run("update-desktop-database", str(data / "applications"))
    if (theme / "icon-theme.cache").exists():
        _run("gtk-update-icon-cache", "-f", "-t", "-q", str(theme))
    elif theme.is_dir():
        # Without a cache of its own a theme is read again when its folder has changed.
        os.utime(theme)


def _become_default() -> None:
    """Open GGUF files with this program, unless the person has chosen another."""
    if shutil.which("xdg-mime") and not _run("xdg-mime", "query", "default", _MIME_TYPE):
        _run("xdg-mime", "default", _DESKTOP_FILE, _MIME_TYPE)


def _forget_default() -> None:
    """Take back the line that `xdg-mime default` writes."""
    path = _folder("XDG_CONFIG_HOME", ".config") / "mimeapps.list"
    with contextlib.suppress(FileNotFoundError):
        lines = path.read_bytes().splitlines(keepends=True)
        ours = f"{_MIME_TYPE}={_DESKTOP_FILE}".encode()
        kept = [line for line in lines if line.strip().rstrip(b";") != ours]
        if kept == lines:
            return
        if any(line.strip() and not line.strip().startswith(b"[") for line in kept):
            _write(path, b"".join(kept))
        else:
            path.unlink()


def _tidy_up(folders: Iterable[Path]) -> None:
    """Remove generated caches that describe nothing any more, and the folders left empty."""
    data = _data_home()
    if not any(data.glob("applications/*.desktop")):
        (data / "applications" / "mimeinfo.cache").unlink(missing_ok=True)
    if not any(data.glob("mime/packages/*.xml")):
        for name in _MIME_CACHES:
            (data / "mime" / name).unlink(missing_ok=True)
    for folder in [*folders, data / "mime" / "application"]:
        while folder != data and folder.is_relative_to(data):
            try:
                folder.rmdir()
            except OSError:  # not empty, or gone already
                if folder.exists():
                    break
            folder = folder.parent


def _install_shortcut() -> list[Path]:
    """Make the shortcut on Windows or macOS and return it."""
    from pyshortcuts import make_shortcut

    # pyshortcuts splits its command at spaces; "_" stands for this Python, wherever it lies.
    script = _program()[0]
    if " " in script or not script.endswith((".exe", "pychatbot-gui")):
        script = "_ -m pychatbot_gui"
        if sys.platform == "darwin" and " " in sys.executable:
            raise StorageError(
                "A shortcut cannot be made while the program lies in a folder with a space in its "
                "name. Move it to another folder and try again.",
                sys.executable,
            )
    icon = shipped("resources", "icons", f"{_NAME}.{_shortcut_icon_kind()}")
    make_shortcut(script, name="PyChatbot", icon=str(icon), terminal=False)
    return [path for path in _shortcuts() if path.exists()]


def _shortcut_icon_kind() -> str:
    return "ico" if sys.platform == "win32" else "icns"


def _remove_shortcut() -> list[Path]:
    """Remove the shortcut on Windows or macOS and return what was removed."""
    removed = [path for path in _shortcuts() if path.exists()]
    for path in removed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return removed


def _shortcuts() -> list[Path]:
    """Return where pyshortcuts puts the shortcut."""
    from pyshortcuts import get_folders, scut_ext

    folders = get_folders()
    places = [folders.desktop, folders.startmenu]
    return [Path(place) / f"PyChatbot.{scut_ext}" for place in places if place]
