"""The store with 100,000 conversations and 1,000,000 messages (a tenth with --quick).

Each figure is the slowest of several calls, beside the plainest way SQLite has to do the like. The
same database through the window: history_window.py.
"""

import contextlib
import itertools
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pychatbot_gui.core.folding import folded
from pychatbot_gui.store.chats import ChatStore, NewAnswer, NewQuestion, open_store
from pychatbot_gui.store.search import index_form
from tests.benchmarks.effort import QUICK, Effort
from tests.benchmarks.figures import Figure
from tests.benchmarks.history_window import measure_window
from tests.benchmarks.models import Models

GOAL_MS = 100.0
COMMIT_GROWTH = 1.5
PER_CHAT = 10
WORDS = 60
RARE = "zyzzogeton"
LONG_CHAT = 5000  # messages
_START = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "it",
    "for",
    "was",
    "with",
    "as",
    "on",
    "be",
    "this",
    "are",
    "by",
    "at",
    "you",
    "what",
]
_SYLLABLES = [
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "qui",
    "ro",
    "su",
    "ta",
    "ve",
    "wi",
    "xo",
    "yu",
    "za",
    "stra",
    "ch",
    "th",
    "ing",
]


def measure(models: Models, effort: Effort) -> Iterator[Figure]:
    """List, switch, search and save: in a large database, and the last in a small one too."""
    del models
    messages = 1_000_000 if effort.runs > QUICK.runs else 100_000
    with tempfile.TemporaryDirectory(prefix="benchmark-history-") as folder:
        home = Path(folder) / "home"
        path = home / "data" / "conversations.db"
        began = time.monotonic()
        build(path, messages)
        megabytes = path.stat().st_size / 1e6
        seconds = time.monotonic() - began
        effort.say(
            f"(history: {messages:,} messages, {megabytes:,.0f} MB, made in {seconds:.0f} s)"
        )
        began = time.monotonic()
        store = open_store(path)[0]
        opened = (time.monotonic() - began) * 1000
        with contextlib.closing(store), contextlib.closing(sqlite3.connect(path)) as bare:
            yield Figure("history: open", opened, "ms", goal=GOAL_MS, note=f"{messages:,} messages")
            yield from _reading(store, bare, effort)
            yield from _searching(store, bare, effort)
            yield from measure_window(home, messages // PER_CHAT + 1, effort)
            yield from _saving(store, Path(folder), effort)


def _reading(store: ChatStore, bare: sqlite3.Connection, effort: Effort) -> Iterator[Figure]:
    def plain_rows() -> object:
        return bare.execute("SELECT id, title, updated FROM chats LIMIT 200").fetchall()

    yield Figure(
        "history: list 200",
        worst(lambda: store.listing(200), effort),
        "ms",
        worst(plain_rows, effort),
        "any 200 rows",
        GOAL_MS,
    )
    chats = itertools.cycle(store.chat_ids()[1::997])
    (long,) = bare.execute("SELECT id FROM chats ORDER BY id DESC LIMIT 1").fetchone()

    def plain_chat() -> object:
        query = "SELECT * FROM messages WHERE chat = ?"
        return bare.execute(query, (long,)).fetchall()

    yield Figure(
        "history: switch", worst(lambda: store.chat(next(chats)), effort), "ms", goal=GOAL_MS
    )
    yield Figure(
        f"history: switch, {LONG_CHAT:,} messages",
        worst(lambda: store.chat(long), effort),
        "ms",
        worst(plain_chat, effort),
        "bare rows",
        GOAL_MS,
    )


def _searching(store: ChatStore, bare: sqlite3.Connection, effort: Effort) -> Iterator[Figure]:
    def plain_scan() -> object:
        query = "SELECT id FROM messages WHERE text LIKE ? ORDER BY id DESC LIMIT 60"
        return bare.execute(query, (f"%{RARE}%",)).fetchall()

    scan = worst(plain_scan, effort)
    middle = vocabulary()[3000]
    for name, query, hits in (
        ("one letter", "t", True),
        ("common word", "that", True),
        ("common beginning", "stra", True),
        ("two common words", "the and", True),
        ("common and middling", f"the {middle}", True),
        ("middling word", middle, True),
        ("rare word", RARE, True),
        ("no hit", "qqqqq", False),
        ("two rare ones, never together", f"{RARE} wherever", False),
    ):
        assert bool(store.search(query)) == hits, query
        yield Figure(
            f"history: search, {name}",
            worst(lambda query=query: store.search(query), effort),
            "ms",
            scan,
            "LIKE scan",
            GOAL_MS,
        )


def _saving(store: ChatStore, folder: Path, effort: Effort) -> Iterator[Figure]:
    count = 40 * effort.runs
    with contextlib.closing(open_store(folder / "small" / "conversations.db")[0]) as small:
        _exchanges(small, 40)
        there = _exchanges(small, count)
    yield Figure(
        "history: commit of a message and its answer, median",
        _exchanges(store, count),
        "ms",
        there,
        "in an empty database",
        note="3 transactions",
    )
    yield Figure(
        "history: commit of a piece of an answer, median",
        _pieces(store, count),
        "ms",
        _bare_commits(folder / "bare.db", count),
        "bare commit",
    )


def _exchanges(store: ChatStore, count: int) -> float:
    rng = random.Random(count)
    took = []
    for _ in range(count):
        question, answer = text(rng), text(rng)
        began = time.perf_counter()
        _, _, message = store.add_exchange(0, NewQuestion(question), NewAnswer("model"))
        store.append_text(message, answer)
        store.finish_answer(message, "", "stop")
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def _pieces(store: ChatStore, count: int) -> float:
    took = []
    chat, _, message = store.add_exchange(0, NewQuestion("A long one"), NewAnswer("model"))
    for _ in range(count):
        began = time.perf_counter()
        store.append_text(message, "and another piece of it, ")
        took.append(time.perf_counter() - began)
    store.finish_answer(message, "", "stop")
    store.erase(chat)
    return statistics.median(took) * 1000


def _bare_commits(path: Path, count: int) -> float:
    took = []
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as bare:
        bare.execute("PRAGMA journal_mode = WAL")
        bare.execute("PRAGMA synchronous = FULL")
        bare.execute("CREATE TABLE pieces (text TEXT)")
        for _ in range(count):
            began = time.perf_counter()
            bare.execute("INSERT INTO pieces VALUES ('and another piece of it, ')")
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def worst(call: Callable[[], object], effort: Effort) -> float:
    """Milliseconds of the slowest of several calls; the first one also fills the cache."""
    took = []
    for _ in range(2 + effort.runs):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return max(took) * 1000


# -- the database ---------------------------------------------------------------------------------


def vocabulary() -> list[str]:
    """50,000 made-up words, the most common first."""
    rng = random.Random(4)
    words = dict.fromkeys(_START)
    while len(words) < 50_000:
        words[
            "".join(rng.choices(_SYLLABLES, k=rng.choice((1, 2, 2, 3, 3, 4))))
            + str(len(words) if len(words) > 30_000 else "")
        ] = None
    return list(words)


_WORDS = vocabulary()
_WEIGHTS = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(_WORDS))))


def text(rng: random.Random) -> str:
    """A message of some 60 words as common as those of a language."""
    return " ".join(rng.choices(_WORDS, cum_weights=_WEIGHTS, k=rng.randint(10, 2 * WORDS - 10)))


def build(path: Path, messages: int) -> None:
    """A database of so many messages, ten a chat, written without its usual care for speed."""
    open_store(path)[0].close()
    rng = random.Random(messages)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -400000")
        for start in range(1, messages + 1, 50_000):
            rows = [_row(i, rng) for i in range(start, min(start + 50_000, messages + 1))]
            chats = sorted({row[1] for row in rows})
            database.execute("BEGIN")
            database.executemany(
                "INSERT INTO messages (id, chat, parent, role, created, text) VALUES (?,?,?,?,?,?)",
                rows,
            )
            database.executemany(
                "INSERT INTO message_words (rowid, words) VALUES (?, ?)",
                ((row[0], index_form(row[5])) for row in rows),
            )
            _insert_chats(database, chats, {row[1]: row for row in rows})
            database.execute("COMMIT")
        _insert_long_chat(database, messages)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _row(message: int, rng: random.Random) -> tuple[int, int, int, str, float, str]:
    chat, place = divmod(message - 1, PER_CHAT)
    words = text(rng)
    if message % 99_991 == 1:
        words += f" {RARE}"
    role = "assistant" if place % 2 else "user"
    return message, chat + 1, message - 1 if place else 0, role, float(message), words


def _insert_chats(
    database: sqlite3.Connection, chats: list[int], last: dict[int, tuple[object, ...]]
) -> None:
    titles = {chat: " ".join(str(last[chat][5]).split()[:6]) for chat in chats}
    database.executemany(
        "INSERT OR IGNORE INTO chats (id, uid, rank, created, updated, head, title) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        ((c, f"uid{c}", c, float(c), float(c), last[c][0], titles[c]) for c in chats),
    )
    database.executemany(
        "INSERT OR IGNORE INTO title_words (rowid, words) VALUES (?, ?)",
        ((chat, folded(title)) for chat, title in titles.items()),
    )


def _insert_long_chat(database: sqlite3.Connection, messages: int) -> None:
    rng = random.Random(5)
    chat, first = messages // PER_CHAT + 1, messages + 1
    rows = [
        (first + i, chat, first + i - 1 if i else 0, ("user", "assistant")[i % 2], 0.0, text(rng))
        for i in range(LONG_CHAT)
    ]
    database.executemany(
        "INSERT INTO messages (id, chat, parent, role, created, text) VALUES (?,?,?,?,?,?)", rows
    )
    _insert_chats(database, [chat], {chat: rows[-1]})
