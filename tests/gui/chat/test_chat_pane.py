"""The pane's column, colours, text size and wheel."""

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QTextCursor, QWheelEvent

from pychatbot_gui.gui.chat.chat_pane import COLUMN
from pychatbot_gui.gui.chat.chat_view import ChatView
from pychatbot_gui.gui.theme import DARK, LIGHT
from tests.gui.chat.markdown_samples import TOUR
from tests.gui.chat.views import answer, blocks, fill, settle, structure, top_of_view


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_theme_reaches_everything_that_is_there(view, theme):
    view.add_user_message("Hi")
    answer(view, TOUR)
    before = structure(view)
    view.set_theme(theme)
    assert structure(view) == before
    colours = {
        part.format.foreground().color().name()
        for block in blocks(view)
        for part in block.textFormats()
        if part.format.anchorHref()
    }
    assert colours == {theme.link}
    view.verticalScrollBar().setValue(0)
    image = view.grab().toImage()
    assert image.pixelColor(4, 4) == QColor(theme.surface)
    assert theme.user_bubble in pixels(image)


def test_code_and_bubbles_are_painted_also_when_they_begin_above(view):
    view.add_user_message("line\n" * 100)
    answer(view, "```\n" + "code\n" * 200 + "```\n\nend")
    QGuiApplication.processEvents()
    bar = view.verticalScrollBar()
    bar.setValue(1200)
    assert LIGHT.user_bubble in pixels(view.grab().toImage())
    bar.setValue(bar.maximum() - 900)
    assert LIGHT.code_background in pixels(view.grab().toImage())


def pixels(image: QImage) -> set[str]:
    step = 5
    return {
        image.pixelColor(x, y).name()
        for x in range(0, image.width(), step)
        for y in range(0, image.height(), step)
    }


@pytest.mark.parametrize("width", [480, 900, 1600])
def test_the_column_is_centred_and_not_too_wide(view, width):
    view.resize(width, 600)
    fill(view, 4)
    inside = view.viewport().geometry()
    assert inside.width() <= COLUMN
    assert abs(inside.left() - (view.width() - inside.right())) <= 24
    assert view.document().size().width() <= inside.width()


def test_short_questions_lie_at_the_right_and_long_ones_do_not_leave_the_column(view):
    view.add_user_message("Hi")
    view.add_user_message("long words " * 60)
    settle(view)
    short, long = (block.blockFormat().leftMargin() for block in blocks(view))
    assert short > 600 > 150 > long
    view.resize(480, 600)
    QGuiApplication.processEvents()
    short, long = (block.blockFormat().leftMargin() for block in blocks(view))
    assert 200 < short < 480


def test_the_text_size_changes_by_key_and_wheel(qtbot, view):
    answer(view, "# Head\n\ntext `code`")
    text = blocks(view)[2]
    size = QTextCursor(text).charFormat().font().pointSizeF()
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(view, Qt.Key.Key_Plus, control)
    assert view.zoom() == pytest.approx(1.1)
    assert QTextCursor(text).charFormat().font().pointSizeF() == pytest.approx(size * 1.1)
    qtbot.keyClick(view, Qt.Key.Key_Minus, control)
    qtbot.keyClick(view, Qt.Key.Key_Minus, control)
    assert view.zoom() == pytest.approx(0.9)
    with qtbot.waitSignal(view.zoom_changed):
        qtbot.keyClick(view, Qt.Key.Key_0, control)
    turn(view, 240, control)
    assert view.zoom() == pytest.approx(1.25)
    view.zoom_actions()[0].trigger()
    assert view.zoom() == pytest.approx(1.5)
    view.zoom_actions()[2].trigger()
    assert view.zoom() == 1.0


def test_zoom_keeps_the_place(view):
    fill(view)
    view.verticalScrollBar().setValue(900)
    cursor = QTextCursor(view.document())
    position, top = top_of_view(view)
    cursor.setPosition(position)
    view.set_zoom(1.5)
    assert abs(view.cursorRect(cursor).top() - top) <= 12
    view.set_zoom(1.0)
    assert abs(view.cursorRect(cursor).top() - top) <= 12


def test_the_wheel_scrolls_beside_the_column_too(view):
    view.resize(1400, 600)
    fill(view)
    value = view.verticalScrollBar().value()
    place = QPoint(20, 300)
    event = QWheelEvent(
        QPointF(place), QPointF(view.mapToGlobal(place)), QPoint(), QPoint(0, 120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QGuiApplication.sendEvent(view, event)
    assert view.verticalScrollBar().value() < value


def turn(view: ChatView, angle: int, keys: Qt.KeyboardModifier) -> None:
    middle = view.viewport().rect().center()
    event = QWheelEvent(
        QPointF(middle), QPointF(view.viewport().mapToGlobal(middle)), QPoint(), QPoint(0, angle),
        Qt.MouseButton.NoButton, keys, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QGuiApplication.sendEvent(view.viewport(), event)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_what_scrolling_moves_is_as_if_it_were_painted_again(view, theme):
    view.set_theme(theme)
    view.add_user_message("Hello\n\nthere")
    view.begin_answer("Somebody")
    bar = view.verticalScrollBar()
    for number in range(0, len(TOUR), 40):
        view.append_text(TOUR[number : number + 40])
        assert is_as_painted_again(view)
    assert bar.maximum() > 0, "nothing scrolled"
    for step in (-90, -7, 40, -160, 13):  # with the button to the end above the text
        bar.setValue(bar.value() + step)
        assert is_as_painted_again(view)


def is_as_painted_again(view: ChatView) -> bool:
    settle(view)
    shown = view.screen().grabWindow(view.winId()).toImage()
    again = view.grab().toImage().convertToFormat(shown.format())
    return shown == again


class Painted(QObject):
    """Notes how high the parts are that are painted."""

    def __init__(self) -> None:
        super().__init__()
        self.heights: list[int] = []

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            self.heights.append(event.rect().height())
        return super().eventFilter(watched, event)


def test_a_line_that_scrolls_up_is_not_painted_again(view):
    fill(view, 12)
    view.begin_answer("Somebody")
    settle(view)
    painted = Painted()
    view.viewport().installEventFilter(painted)
    for _ in range(8):
        view.append_text("A line of its own.\n\n")
        settle(view)
    view.viewport().removeEventFilter(painted)
    assert painted.heights
    assert max(painted.heights) < view.viewport().height() / 2
