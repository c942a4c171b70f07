"""The two themes can be read, and the style sheet is whole."""

import re

import pytest
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from pychatbot_gui.core.paths import shipped
from pychatbot_gui.gui.theme import DARK, LIGHT, Theme, apply_theme, mix, style_sheet, system_theme

THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
BACKGROUNDS = ("window", "surface", "user_bubble", "code_background", "notice_background")


def _luminance(colour: str) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    c = QColor(colour)
    return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF())


def contrast(first: str, second: str) -> float:
    """Contrast ratio, 1 to 21, as WCAG 2 defines it."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_known_colours() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@THEMES
@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("ink", ["text", "muted", "link"])
def test_text_is_readable(theme: Theme, ink: str, background: str) -> None:
    assert contrast(getattr(theme, ink), getattr(theme, background)) >= 4.5


@THEMES
def test_signal_colours_are_readable(theme: Theme) -> None:
    assert contrast(theme.on_accent, theme.accent) >= 4.5
    assert contrast(theme.warning, theme.notice_background) >= 4.5
    for background in (theme.window, theme.surface):
        assert contrast(theme.warning, background) >= 4.5
        assert contrast(theme.danger, background) >= 4.5
        # WCAG asks 3 of what shows the keyboard focus.
        assert contrast(theme.accent, background) >= 3


@THEMES
def test_style_sheet_is_whole(theme: Theme) -> None:
    sheet = style_sheet(theme)
    assert "$" not in sheet
    assert sheet.count("{") == sheet.count("}")
    for picture in re.findall(r"url\(theme:([^)]+)\)", sheet):
        assert not QImage(str(shipped("resources", "themes", picture))).isNull(), picture


def test_applying_changes_the_colours(qapp: QApplication, qtbot: QtBot) -> None:
    button = QPushButton("Send")
    button.setObjectName("sendButton")
    qtbot.addWidget(button)
    button.show()
    for theme in (DARK, LIGHT):
        apply_theme(qapp, theme)
        picture = button.grab().toImage()
        colours = {
            picture.pixelColor(x, picture.height() // 2).name() for x in range(picture.width())
        }
        assert theme.accent in colours
    qapp.setStyleSheet("")


def test_system_theme_is_one_of_the_two(qapp: QApplication) -> None:
    assert system_theme(qapp) in (LIGHT, DARK)


def test_mix() -> None:
    assert mix("#000000", "#ffffff", 0) == "#000000"
    assert mix("#000000", "#ffffff", 1) == "#ffffff"
    assert mix("#000000", "#ff8000", 0.5) == "#804000"
