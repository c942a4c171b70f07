"""The command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pychatbot_gui
from pychatbot_gui.core.errors import SettingsError
from pychatbot_gui.core.settings import parse

FORMATS = ("markdown", "html", "json", "text")
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Arguments:
    """What was asked for. `model` is absolute, "" for none; `system` is None where not given.

    `overrides`: settings for this start only, by their names. `export`: the ID of a chat to write
    out in `format`, 0 for none. `list_chats` and `export` are for the terminal.
    """

    model: str = ""
    system: str | None = None
    terminal: bool = False
    launcher: str = ""  # "install" or "remove"
    overrides: dict[str, object] = field(default_factory=dict)
    continue_last: bool = False
    list_chats: bool = False
    export: int = 0
    format: str = FORMATS[0]


def parse_arguments(arguments: Sequence[str]) -> Arguments:
    """Parse the words after the program's name. Wrong ones end the program with exit code 2."""
    parser = _parser()
    given = parser.parse_intermixed_args(list(arguments))
    model, system = given.model, given.system
    for word in given.words:
        if word.lower().endswith(".gguf"):
            if model:
                parser.error(f"more than one model: “{model}” and “{word}”")
            model = word
        else:
            if system is not None:
                parser.error(f"more than one system prompt: “{system}” and “{word}”")
            system = word
    overrides: dict[str, object] = {}
    for name in ("seed", "temperature", "max_tokens"):
        value = getattr(given, name)
        if value is not None:
            try:
                overrides[name] = parse(name, value)
            except SettingsError as error:
                parser.error(str(error))
    only_writes = given.list_chats or given.export
    if only_writes and (model or system is not None or overrides or given.continue_last):
        parser.error("--list and --export take no model, no system prompt and no --continue")
    if given.format and not given.export:
        parser.error("--format is for --export")
    return Arguments(
        model=str(Path(model).expanduser().absolute()) if model else "",
        system=system,
        terminal=bool(given.terminal or only_writes),
        launcher=given.launcher or "",
        overrides=overrides,
        continue_last=given.continue_last,
        list_chats=given.list_chats,
        export=given.export or 0,
        format=given.format or FORMATS[0],
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pychatbot-gui",
        description="Talk with a local language model: private, offline, on your own machine.",
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="MODEL.gguf | SYSTEM PROMPT",
        help="a word that ends in .gguf is the model, any other is the system prompt",
    )
    parser.add_argument("--model", metavar="FILE", help="the model file")
    parser.add_argument("--system", metavar="TEXT", help="the system prompt")
    parser.add_argument("--terminal", action="store_true", help="chat in the terminal")
    parser.add_argument("--seed", metavar="N", help="the same seed gives the same answers")
    parser.add_argument("--temperature", metavar="X", help="0 always takes the likeliest word")
    parser.add_argument("--max-tokens", metavar="N", help="longest answer in tokens, 0 = no limit")
    parser.add_argument(
        "--continue", dest="continue_last", action="store_true", help="go on with the last chat"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help=f"how --export writes it; {FORMATS[0]} where it is not given",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--list",
        dest="list_chats",
        action="store_true",
        help="list the saved chats (ID, date, title) and end",
    )
    instead.add_argument(
        "--export", metavar="ID", type=_identity, help="write a saved chat to standard output"
    )
    instead.add_argument(
        "--install-launcher",
        dest="launcher",
        action="store_const",
        const="install",
        help="put the program into your menu and open .gguf files with it",
    )
    instead.add_argument(
        "--remove-launcher",
        dest="launcher",
        action="store_const",
        const="remove",
        help="take the menu entry away",
    )
    parser.add_argument("--version", action="version", version=pychatbot_gui.__version__)
    return parser


def _identity(word: str) -> int:
    if not (word.isascii() and word.isdigit() and 0 < int(word[:20]) <= _LARGEST_ID):
        raise argparse.ArgumentTypeError(f"“{word[:60]}” is not an ID; --list shows them")
    return int(word)
