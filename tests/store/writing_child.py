"""Writes answers and acknowledges on standard output what it has saved, until it is killed.

Each line of standard input asks for one such writer, a fork of this process (quick to start); the
answer is its number. `python -m tests.store.writing_child DATABASE`
"""

import os
import sys
from pathlib import Path

from pychatbot_gui.store.chats import NewAnswer, NewQuestion, open_store


def write(path: Path) -> None:
    """Two short answers after each other for ever; a line for each thing that was saved."""
    store = open_store(path)[0]
    while True:
        chat, question, answer = store.add_exchange(0, NewQuestion("A question"), NewAnswer())
        os.write(1, f"Q {chat} {question} {answer}\n".encode())
        for piece in range(20):
            store.append_text(answer, f"{piece} ")
            os.write(1, f"P {answer} {piece}\n".encode())
        store.finish_answer(answer, "end", "stop")
        os.write(1, f"F {answer}\n".encode())


def main() -> None:
    """Fork a writer for each line that is read."""
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            write(Path(sys.argv[1]))
        os.write(1, f"CHILD {child}\n".encode())
        os.waitpid(child, 0)
        os.write(1, b"DEAD\n")


if __name__ == "__main__":
    main()
