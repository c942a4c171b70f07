"""The context menus of the list of conversations, and the questions that some of them ask."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QInputDialog, QLineEdit, QMenu, QMessageBox, QWidget

from pychatbot_gui.core.history import Folder
from pychatbot_gui.gui.conversations.conversation_rows import LONGEST_NAME, one_line

_NAME_IN_MENU = 40  # characters


class RowMenu(QMenu):
    """A menu that is gone when it is closed."""

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("conversationMenu")
        self.setAccessibleName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def add(self, text: str, does: Callable[[], object], key: str = "") -> QAction:
        """One more entry; `key` is shown, the list itself acts on it."""
        action = self.addAction(text)
        action.triggered.connect(lambda: does())
        if key:
            action.setShortcut(QKeySequence(key))
            # Shown only: as a shortcut it would hide the same key of the window.
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.setShortcutVisibleInContextMenu(True)
        return action

    def popup_at(self, corner: QPoint) -> None:
        """Open it, unless there is nothing in it. Returns at once."""
        if self.isEmpty():
            self.deleteLater()
        else:
            self.popup(corner)

    def add_folders(
        self,
        folders: Sequence[Folder],
        present: int,
        moved: Callable[[int], object],
        new: Callable[[], object],
    ) -> None:
        """The menu "Move to folder"; `present`: the folder that the chat is in, 0 for none."""
        menu = self.addMenu("Mo&ve to folder")
        menu.setObjectName("folderMenu")
        for id, name in ((0, "No folder"), *((f.id, f.name) for f in folders)):
            text = one_line(name, _NAME_IN_MENU) or "Folder"
            action = menu.addAction(text.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(id == present)
            action.triggered.connect(lambda _, folder=id: moved(folder))
        menu.addSeparator()
        menu.addAction("&New folder…").triggered.connect(lambda: new())


def ask_for_folder(parent: QWidget, named: Callable[[str], object]) -> QInputDialog:
    """Ask for the name of a new folder. Returns at once; `named` is called with what was given."""
    dialog = QInputDialog(parent)
    dialog.setObjectName("newFolderQuestion")
    dialog.setWindowTitle("New folder")
    dialog.setLabelText("Name of the new folder:")
    dialog.setOkButtonText("Create")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    edit = dialog.findChild(QLineEdit)
    assert edit is not None
    edit.setMaxLength(LONGEST_NAME)
    edit.setMinimumWidth(edit.fontMetrics().averageCharWidth() * _NAME_IN_MENU)
    edit.setAccessibleName("Name of the new folder")

    def accepted(text: str) -> None:
        name = " ".join(text.split())
        if name:
            named(name)

    dialog.textValueSelected.connect(accepted)
    dialog.open()
    return dialog


def ask_to_erase(parent: QWidget, title: str, agreed: Callable[[], object]) -> QMessageBox:
    """Ask whether a deleted chat is to be erased. Returns at once; `agreed` is called on a yes."""
    box = QMessageBox(parent)
    box.setObjectName("eraseQuestion")
    box.setWindowTitle("Delete for good")
    box.setIcon(QMessageBox.Icon.Warning)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"Delete “{one_line(title, 80)}” for good?")
    box.setInformativeText("All its messages are erased. This cannot be undone.")
    erase = box.addButton("Delete for good", QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    erase.clicked.connect(lambda: agreed())
    box.open()
    return box
