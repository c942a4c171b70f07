"""A second start while the program runs brings the first window to the front."""

from __future__ import annotations

import json
import os
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDir, QObject, Signal

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer

_PATIENCE_MS = 1000


class SingleInstance(QObject):
    """The first start listens on a local socket of its user; a later one hands over and ends."""

    asked_again = Signal(str)  # the model the later start was given, "" for none

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        """`folder`: the person's data folder; programs with different ones may run together."""
        super().__init__(parent)
        # A checksum tells the few folders of one computer apart, and is quicker there than a hash.
        self._name = f"pychatbot-{zlib.crc32(str(folder).encode('utf-8', errors='replace')):08x}"
        self._server: QLocalServer | None = None
        self._path = ""

    def is_first(self) -> bool:
        """Whether nobody listens, for sure; asked without what talks to others, which loads long.

        Another start may begin to listen at any moment: `hand_over` has the last word.
        """
        socket = Path(QDir.tempPath(), self._name)
        return sys.platform != "win32" and not os.access(socket, os.F_OK)

    def hand_over(self, model: str) -> bool:
        """Ask a running program to show itself and open `model`; False where this is the first."""
        from PySide6.QtNetwork import QLocalSocket

        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(_PATIENCE_MS):
            socket.write(json.dumps({"model": model}).encode() + b"\n")
            socket.flush()
            heard = socket.bytesAvailable() > 0 or socket.waitForReadyRead(_PATIENCE_MS * 5)
            socket.disconnectFromServer()
            if heard:
                return True
        self._listen()
        return False

    def socket_path(self) -> str:
        """Where the first start listens, "" for a later one."""
        return self._path

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    def _listen(self) -> None:
        from PySide6.QtNetwork import QLocalServer

        # A socket that nobody answers is left over from a crash.
        QLocalServer.removeServer(self._name)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        self._server.listen(self._name)
        self._path = self._server.fullServerName()

    def _on_connection(self) -> None:
        assert self._server is not None
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(self._on_request)

    def _on_request(self) -> None:
        from PySide6.QtNetwork import QLocalSocket

        socket = self.sender()
        if not isinstance(socket, QLocalSocket) or not socket.canReadLine():
            return
        try:
            model = json.loads(bytes(socket.readLine().data()))["model"]
        except (ValueError, KeyError, TypeError):
            model = ""
        socket.write(b"ok\n")
        socket.flush()
        self.asked_again.emit(model if isinstance(model, str) else "")
