import pytest

from pychatbot_gui.core.exchange.markdown_text import Heading, outline, safe_html


def test_outline() -> None:
    found = outline("# One\n\nTwo\nlines\n---\n\n> # quoted\n\n- # listed\n\n```\n# code\n```\n")
    assert found.headings == (Heading(0, 1, 1), Heading(2, 3, 2))
    assert found.html == ()
    assert found.open_fence == "```"  # whether it is closed or not
    assert outline("a <b>\nc\n\n<div>\nx").html == ((0, 2, ("<b>",)), (3, 5, ()))
    assert outline("text").open_fence == ""


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["![" * 60_000, "[a](" * 40_000, "*a " * 60_000, "`a``" * 40_000])
def test_hostile_texts_take_no_longer_than_a_moment(text: str) -> None:
    assert safe_html(text)
