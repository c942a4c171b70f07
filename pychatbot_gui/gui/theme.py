"""Palette and style sheet: one light and one dark set of colours, and how the program wears them."""

from dataclasses import dataclass, fields
from string import Template

from PySide6.QtCore import QDir, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from pychatbot_gui.core.paths import shipped

FUSION = ["-style", "fusion"]
"""Arguments of a `QApplication` that wears Fusion from its first moment."""
WEARS_FUSION = "wearsFusion"
"""The property that tells of this: to be asked for its style makes Python learn 5 ms of names."""


@dataclass(frozen=True)
class Theme:
    """The colours of the program, each "#rrggbb". Text colours keep a contrast of 4.5 or more."""

    dark: bool
    window: str
    surface: str
    text: str
    muted: str
    border: str
    accent: str
    on_accent: str
    user_bubble: str
    code_background: str
    link: str
    notice_background: str
    warning: str
    danger: str


LIGHT = Theme(
    dark=False,
    window="#f5f6f8",
    surface="#ffffff",
    text="#1d2430",
    muted="#586174",
    border="#d5dae3",
    accent="#2f62c4",
    on_accent="#ffffff",
    user_bubble="#e4ecfb",
    code_background="#eff1f5",
    link="#1f54ba",
    notice_background="#fdf3dc",
    warning="#8a5200",
    danger="#b3261e",
)

DARK = Theme(
    dark=True,
    window="#181a1f",
    surface="#212429",
    text="#e7e9ee",
    muted="#a3abba",
    border="#3a3f49",
    accent="#85adff",
    on_accent="#0c1a35",
    user_bubble="#2a3650",
    code_background="#16181c",
    link="#9abaff",
    notice_background="#3a3120",
    warning="#f0bd62",
    danger="#ff9a91",
)


def system_theme(application: QApplication) -> Theme:
    """The theme that the desktop asks for; light where it does not say."""
    dark = application.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return DARK if dark else LIGHT


def apply_theme(application: QApplication, theme: Theme) -> None:
    """Give every window of the program the Fusion style, the palette and the style sheet."""
    palette, sheet = palette_of(theme), style_sheet(theme)
    if application.styleSheet() == sheet and application.palette() == palette:
        return  # putting it on again dresses every widget there is anew
    QDir.setSearchPaths("theme", [str(shipped("resources", "themes"))])
    if not application.property(WEARS_FUSION):
        application.setStyle("Fusion")
    application.setPalette(palette)
    application.setStyleSheet(sheet)


def palette_of(theme: Theme) -> QPalette:
    """The theme as a palette, for what the style sheet does not reach."""
    role = QPalette.ColorRole
    palette = QPalette()
    for name, colour in (
        (role.Window, theme.window),
        (role.WindowText, theme.text),
        (role.Base, theme.surface),
        (role.AlternateBase, mix(theme.surface, theme.text, 0.04)),
        (role.Text, theme.text),
        (role.PlaceholderText, theme.muted),
        (role.Button, theme.surface),
        (role.ButtonText, theme.text),
        (role.BrightText, theme.danger),
        (role.ToolTipBase, theme.surface),
        (role.ToolTipText, theme.text),
        (role.Highlight, theme.accent),
        (role.HighlightedText, theme.on_accent),
        (role.Accent, theme.accent),
        (role.Link, theme.link),
        (role.LinkVisited, theme.link),
        (role.Light, mix(theme.surface, "#ffffff", 0.1)),
        (role.Midlight, mix(theme.window, theme.border, 0.4)),
        (role.Mid, theme.border),
        (role.Dark, mix(theme.border, theme.text, 0.3)),
        (role.Shadow, "#000000"),
    ):
        palette.setColor(name, QColor(colour))
    faded = QColor(mix(theme.muted, theme.window, 0.35))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, faded)
    return palette


def style_sheet(theme: Theme) -> str:
    """The shipped style sheet with the colours of `theme` in it."""
    colours = {f.name: getattr(theme, f.name) for f in fields(theme) if f.name != "dark"}
    colours |= {
        "shade": "dark" if theme.dark else "light",
        "hover": mix(theme.surface, theme.text, 0.06),
        "pressed": mix(theme.surface, theme.text, 0.12),
        "window_hover": mix(theme.window, theme.text, 0.07),
        "window_pressed": mix(theme.window, theme.text, 0.13),
        "field_border": mix(theme.border, theme.text, 0.22),
        "accent_hover": mix(theme.accent, theme.text, 0.14),
        "accent_pressed": mix(theme.accent, theme.text, 0.28),
        "accent_soft": mix(theme.surface, theme.accent, 0.16),
        "track": mix(theme.window, theme.text, 0.12),
        "handle": mix(theme.window, theme.text, 0.3),
        "handle_hover": mix(theme.window, theme.text, 0.45),
        "faded": mix(theme.muted, theme.window, 0.35),
        "info_background": mix(theme.surface, theme.accent, 0.1),
        "error_background": mix(theme.surface, theme.danger, 0.12),
    }
    source = shipped("resources", "themes", "pychatbot.qss").read_text(encoding="utf-8")
    return Template(source).substitute(colours)


def mix(first: str, second: str, share: float) -> str:
    """The colour that lies `share` (0 to 1) of the way from `first` to `second`, as "#rrggbb"."""
    a, b = QColor(first), QColor(second)
    channels = (
        round(start + (end - start) * share)
        for start, end in zip(
            (a.red(), a.green(), a.blue()), (b.red(), b.green(), b.blue()), strict=True
        )
    )
    return "#" + "".join(f"{channel:02x}" for channel in channels)
