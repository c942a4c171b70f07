"""Arguments in, exit code out."""

import gc
import os
import sys
from pathlib import Path

from pychatbot_gui.arguments import parse_arguments
from pychatbot_gui.core.errors import PychatbotError


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns its exit code.

    0 well, 1 an error (one line on standard error), 2 wrong arguments, 130 ended by Ctrl-C.
    """
    given = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    try:
        if given.launcher:
            return _launcher(given.launcher)
        from pychatbot_gui import app

        if given.terminal:
            return app.run_terminal(given)
        if not has_display():
            print("No display was found: the chat starts in this terminal.", file=sys.stderr)
            return app.run_terminal(given)
        # Nothing of what a start makes is garbage, and to look for some takes time. `run_window`
        # goes back to it when the window is there.
        gc.disable()
        return app.run_window(given)
    except PychatbotError as error:
        print(f"pychatbot: {_one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def has_display() -> bool:
    """Whether a window can be shown. Qt itself would end the process where it cannot."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    wayland = os.environ.get("WAYLAND_DISPLAY")
    if wayland and _answers(str(Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / wayland)):
        return True
    host, colon, number = os.environ.get("DISPLAY", "").rpartition(":")
    number = number.split(".")[0]
    if not colon or not number.isdecimal():
        return False
    if host in ("", "unix"):
        return any(_answers(f"{start}/tmp/.X11-unix/X{number}") for start in ("\0", ""))
    if host.startswith("/"):  # the socket itself, as on macOS
        return True
    return _answers((host, 6000 + int(number)))


def _answers(address: str | tuple[str, int]) -> bool:
    import socket

    try:
        if isinstance(address, tuple):
            socket.create_connection(address, timeout=5).close()
        else:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(address)
    except (OSError, OverflowError):
        return False
    return True


def _one_line(error: PychatbotError) -> str:
    """Its sentence on one line, whatever the name of a file or a template put into it."""
    shown = (c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in str(error))
    return " ".join("".join(shown).split())


def _launcher(wish: str) -> int:
    from pychatbot_gui import launcher

    if wish == "install":
        for path in launcher.install():
            print(f"written: {path}")
    else:
        for path in launcher.remove():
            print(f"removed: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
