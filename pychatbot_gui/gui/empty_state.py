"""What stands where the chat will be: a welcome, a model being loaded, ideas for a first message."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from pychatbot_gui.gui.plain_text import ElidedLabel, PlainLabel
from pychatbot_gui.gui.visible_text import visible

WIDTH = 520
MOST_RECENT = 5
ICON_SIZE = 72
PROMPTS = (
    "Explain in simple words why the sky is blue.",
    "Write a short, friendly e-mail that asks for a day off.",
    "Suggest a quick dinner from what most kitchens have.",
)


class CardButton(QPushButton):
    """A wide button with a line and, in muted text, a second line that says more."""

    def __init__(self, first: str, second: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.setAutoDefault(False)
        self.setAccessibleName(visible(f"{first}, {second}" if second else first))
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 9, 14, 9)
        column.setSpacing(2)
        column.addWidget(ElidedLabel(first))
        if second:
            column.addWidget(ElidedLabel(second, "muted"))
        for label in self.findChildren(QLabel):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def sizeHint(self) -> QSize:
        """Room for the lines."""
        layout = self.layout()
        return layout.minimumSize() if layout is not None else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Room for the lines, however narrow."""
        return self.sizeHint()


class EmptyState(QScrollArea):
    """Welcome, loading or ready. It starts with the welcome."""

    open_requested = Signal()
    cancel_requested = Signal()
    recent_chosen = Signal(str)
    prompt_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("emptyState")
        self.setAccessibleName("Start")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._icons: list[QLabel] = []
        self._recent = QVBoxLayout()
        self._recent_title = PlainLabel("Opened before", "muted")
        self._questions = QVBoxLayout()
        self._questions.setSpacing(6)
        self._guide = self._guide_part()
        self._loading_title = PlainLabel()
        self._progress = QProgressBar()
        self._percent = PlainLabel("", "muted")
        self._need = PlainLabel("", "muted")
        self._need.hide()
        self._ready_title = PlainLabel()
        self._pages = (self._welcome_page(), self._loading_page(), self._ready_page())
        self._state = 0
        # Not a QStackedWidget, which is as tall as its tallest page.
        contents = QWidget()
        column = QVBoxLayout(contents)
        column.setContentsMargins(0, 0, 0, 0)
        for page in self._pages:
            column.addWidget(page)
        self.setWidget(contents)
        self.set_recent([])
        self._turn_to(0)

    def set_welcome(self, questions: Sequence[str] = ()) -> None:
        """No model of the person's is loaded: say what to do, and what the guide can be asked."""
        self._guide.setVisible(bool(questions))
        if questions:
            _clear(self._questions)
            for question in questions:
                self._questions.addWidget(self._prompt_button(question))
        self._turn_to(0)

    def set_recent(self, paths: list[str]) -> None:
        """Offer the first five of `paths`, newest first. A choice emits the path as given here."""
        _clear(self._recent)
        for path in paths[:MOST_RECENT]:
            where = Path(path)
            button = CardButton(where.name or path, _short_folder(where.parent))
            button.setToolTip(visible(path).replace("<", "‹"))
            button.clicked.connect(lambda _=False, path=path: self.recent_chosen.emit(path))
            self._recent.addWidget(button)
            button.show()
        self._recent_title.setVisible(bool(paths))

    def set_loading(self, name: str, fraction: float) -> None:
        """A model is being loaded; `fraction` is from 0 to 1, below 0 where it is not known."""
        title = f"Loading {visible(name)}"
        if self._loading_title.text() != title:
            self._loading_title.setText(title)
        self._progress.setValue(round(min(max(fraction, 0.0), 1.0) * 1000))
        self._percent.setText("Starting…" if fraction < 0 else f"{min(fraction, 1.0):.0%}")
        self._turn_to(1)

    def set_need(self, text: str) -> None:
        """Say what memory the model that is being loaded will take; "" for not known."""
        self._need.setText(text)
        self._need.setVisible(bool(text))

    def set_ready(self, model_name: str) -> None:
        """A model is loaded and nothing was said yet: offer a few first messages."""
        self._ready_title.setText(f"Ask {visible(model_name)} anything")
        self._turn_to(2)

    def state(self) -> str:
        """ "welcome", "loading" or "ready"."""
        return ("welcome", "loading", "ready")[self._state]

    def showEvent(self, event: QShowEvent) -> None:
        """The application's icon may be set after this widget is built."""
        icon = QApplication.windowIcon()
        for label in self._icons:
            label.setVisible(not icon.isNull())
            size = QSize(ICON_SIZE, ICON_SIZE)
            label.setPixmap(icon.pixmap(size, self.devicePixelRatioF()))
        super().showEvent(event)

    def _turn_to(self, state: int) -> None:
        self._state = state
        for other, page in enumerate(self._pages):
            page.setVisible(other == state)

    def _welcome_page(self) -> QWidget:
        open_button = _primary_button("&Open model…")
        open_button.setObjectName("openModelButton")
        open_button.setAccessibleName("Open a model file")
        open_button.setToolTip("Choose a .gguf file from this computer")
        open_button.clicked.connect(self.open_requested)
        page, column = self._page("Talk with a model on your own computer")
        column.addWidget(
            _centred("Everything stays private: it works offline and nothing you write leaves it.")
        )
        column.addWidget(
            _centred(
                "A model is one file that ends in .gguf. Download one once, then open it here."
            )
        )
        column.addSpacing(14)
        column.addWidget(open_button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(_centred("or drop a .gguf file here"))
        column.addSpacing(14)
        column.addWidget(self._guide)
        column.addSpacing(8)
        column.addWidget(self._recent_title)
        self._recent.setSpacing(6)
        column.addLayout(self._recent)
        column.addStretch(1)
        return page

    def _loading_page(self) -> QWidget:
        self._progress.setRange(0, 1000)
        self._progress.setTextVisible(False)
        self._progress.setFixedHeight(6)
        self._progress.setAccessibleName("Loading the model")
        self._percent.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        cancel = QPushButton("&Cancel")
        cancel.setObjectName("cancelLoadButton")
        cancel.setAccessibleName("Cancel loading")
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.cancel_requested)
        page, column = self._page(self._loading_title)
        column.addSpacing(10)
        column.addWidget(self._progress)
        column.addWidget(self._percent)
        self._need.setObjectName("memoryNeed")
        self._need.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._need)
        column.addSpacing(10)
        column.addWidget(cancel, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        return page

    def _ready_page(self) -> QWidget:
        page, column = self._page(self._ready_title)
        column.addWidget(_centred("Write a message below, or begin with one of these."))
        column.addSpacing(14)
        for prompt in PROMPTS:
            column.addWidget(self._prompt_button(prompt))
        column.addStretch(1)
        return page

    def _prompt_button(self, prompt: str) -> QPushButton:
        button = CardButton(prompt)
        button.clicked.connect(lambda _=False: self.prompt_chosen.emit(prompt))
        return button

    def _guide_part(self) -> QWidget:
        part = QWidget()
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(
            PlainLabel("Or ask the guide, a tiny built-in model that knows this program", "muted")
        )
        column.addLayout(self._questions)
        return part

    def _page(self, title: str | QLabel) -> tuple[QWidget, QVBoxLayout]:
        """A page with icon and title, and the column that the rest of it goes into."""
        icon = QLabel()
        icon.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        icon.setAccessibleName("")
        self._icons.append(icon)
        heading = title if isinstance(title, QLabel) else PlainLabel(title)
        heading.setProperty("heading", True)
        heading.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        inner = QWidget()
        inner.setMaximumWidth(WIDTH)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(icon)
        column.addSpacing(6)
        column.addWidget(heading)
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(24, 24, 24, 24)
        row.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        row.addStretch(1)
        row.addWidget(inner, 1000)
        row.addStretch(1)
        return page, column


def _clear(layout: QVBoxLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (old := item.widget()) is not None:
            old.hide()
            old.deleteLater()


def _primary_button(text: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("primary", True)
    button.setAutoDefault(False)
    return button


def _centred(text: str) -> QLabel:
    label = PlainLabel(text, "muted")
    label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    return label


def _short_folder(folder: Path) -> str:
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if home in folder.parents else str(folder)
