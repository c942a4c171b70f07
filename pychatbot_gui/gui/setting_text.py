"""Settings as they are worded for the person: a value, and the limits of one. No Qt."""

from typing import Any

from pychatbot_gui.core import settings
from pychatbot_gui.core.settings import SettingInfo

DECIMALS = 6


def limits(about: SettingInfo) -> str:
    """The limits as a sentence, "" for a setting without."""
    if about.minimum is None or about.maximum is None:
        return ""
    most = number_text(about.maximum)
    if about.special:
        sentence = f"{about.special}, or {number_text(about.minimum + 1)} to {most}"
    else:
        sentence = f"From {number_text(about.minimum)} to {most}"
    if about.step is not None and about.minimum == about.step > 1:
        sentence += f", in steps of {number_text(about.step)}"
    return sentence + "."


def shown(name: str, value: Any) -> str:
    """A value as the dialog words it: "On", "Automatic", "2,048"."""
    about = settings.info(name)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return about.word(value)
    return about.special if about.special and value == about.minimum else number_text(value)


def number_text(value: float) -> str:
    """A number with as many decimals as it needs, in groups of three digits."""
    return f"{value:,.{DECIMALS}f}".rstrip("0").rstrip(".")
