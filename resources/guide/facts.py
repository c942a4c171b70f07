"""Names, keys and settings from the program's own definitions: what the guide may mention.

`python resources/guide/facts.py` writes `facts.json`; needs the program itself (PySide6), not
PyTorch. A test compares the file with the program, so that the guide cannot drift from it.
"""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pychatbot_gui.core.settings import SettingInfo

HERE = Path(__file__).resolve().parent


def collect() -> dict[str, str]:
    """`menu:NAME`, `key:NAME`, `setting:NAME`, `default:NAME`, `min:NAME`, `max:NAME`.

    Also, for the check that no answer names what does not exist: `title:TEXT` of the menus and of
    items without a name, `shortcut:KEY` of every item, `option:--NAME` of the command line.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QApplication

    from pychatbot_gui import arguments
    from pychatbot_gui.core.settings import default_settings, info, setting_names
    from pychatbot_gui.gui.main_window import MainWindow

    application = QApplication.instance() or QApplication([])
    window = MainWindow()
    window.complete()
    facts = {}
    for action in window.findChildren(QAction):
        if action.objectName() and action.text() and not action.objectName().startswith("qt_"):
            facts[f"menu:{action.objectName()}"] = action.text().replace("&", "")
            if not action.shortcut().isEmpty():
                facts[f"key:{action.objectName()}"] = action.shortcut().toString()
    for action in [*window.menuBar().actions(), *window.findChildren(QAction)]:
        if text := action.text().replace("&", ""):
            facts[f"title:{text}"] = text
        for key in action.shortcuts():
            if name := key.toString():
                facts[f"shortcut:{name}"] = name
    window.deleteLater()
    del application
    defaults = default_settings()
    for name in setting_names():
        about = info(name)
        facts[f"setting:{name}"] = about.label
        facts[f"default:{name}"] = _shown(getattr(defaults, name), about)
        if about.minimum is not None:
            facts[f"min:{name}"] = f"{about.minimum:,g}"
        if about.maximum is not None:
            facts[f"max:{name}"] = f"{about.maximum:,.10g}"
    for option in arguments._parser()._option_string_actions:
        facts[f"option:{option}"] = option
    return dict(sorted(facts.items()))


def _shown(value: object, about: "SettingInfo") -> str:
    """A default in the words of the settings dialog."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if about.special and (value == "" or value == about.minimum):
        return about.special
    if isinstance(value, str):
        return about.word(value)
    return f"{value:,g}" if isinstance(value, (int, float)) else str(value)


def main() -> None:
    """Write `facts.json`."""
    sys.path.insert(0, str(HERE.parents[1]))
    text = json.dumps(collect(), indent=1, ensure_ascii=False)
    (HERE / "facts.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
