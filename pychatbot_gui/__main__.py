"""Arguments in, exit code out."""

import os
import socket
import sys

from pychatbot_gui.arguments import parse_arguments
from pychatbot_gui.core.errors import PychatbotError


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns its exit code (0 well, 1 an error, 2 wrong arguments)."""
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
        return app.run_window(given)
    except PychatbotError as error:
        print(f"pychatbot: {error}", file=sys.stderr)
        return 1


def has_display() -> bool:
    """Whether a window can be shown. Qt itself would end the process where it cannot."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    if os.environ.get("WAYLAND_DISPLAY"):
        return True
    display = os.environ.get("DISPLAY", "")
    if not display.startswith(":"):
        return bool(display)  # a display elsewhere (ssh -X): only a try would tell
    number = display[1:].split(".")[0]
    for address in (f"\0/tmp/.X11-unix/X{number}", f"/tmp/.X11-unix/X{number}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(address)
                return True
            except OSError:
                continue
    return False


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
