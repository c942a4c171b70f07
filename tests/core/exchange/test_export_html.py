import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pychatbot_gui.core.exchange.export_html import html_chunks
from tests.core.exchange.trees import ANSWER, TEXT, talk

VOID = {"meta", "br", "hr"}
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "article", "div", "p",
    "span", "h1", "h2", "h3", "h4", "h5", "h6", "a", "code", "pre", "figure", "blockquote", "ul",
    "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "em", "strong", "s", "br", "hr",
}  # fmt: skip


class Page(HTMLParser):
    """Collects the tags, the attributes and the text; fails where they are not nested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.style = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.style += data
        else:
            self.text += data

    def headings(self, *levels: str) -> int:
        return sum(tag in levels for tag, _ in self.tags)


def page(*texts: str, **fields: str) -> Page:
    return Page("".join(html_chunks(talk(*texts, **fields))))


def check(found: Page, messages: int) -> None:
    for tag, attributes in found.tags:
        assert tag in ALLOWED
        allowed = {"class", "href", "rel", "charset", "name", "content", "http-equiv", "start"}
        assert set(attributes) <= allowed, attributes
        if tag == "a":
            assert re.match("https?://", str(attributes["href"]), re.IGNORECASE)
            assert "noopener" in str(attributes["rel"])
            assert "noreferrer" in str(attributes["rel"])
    assert found.headings("h1") == 1
    assert found.headings("h2") == found.headings("article") == messages


def test_a_page_is_safe_and_whole() -> None:
    found = page("Hi <b>there</b>", ANSWER, title="A <i>title</i> & more")
    check(found, 2)
    assert "Hi <b>there</b>" in found.text
    assert "<script>alert(1)</script>" in found.text
    assert "A <i>title</i> & more" in found.text
    assert "[picture]" in found.text
    hrefs = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    assert hrefs == ["https://example.org/a?b=1&c=2"]
    assert ("td", {"class": "right"}) in found.tags


@pytest.mark.parametrize("name", ["title", "system"])
@given(text=TEXT)
def test_words_around_the_messages_are_words(name: str, text: str) -> None:
    check(page("a", "b", **{name: text}), 2 + (name == "system" and bool(text.strip())))


@given(st.text(st.sampled_from("<>&\"'`[]()!*_#|:-~/=\\ \n\tahref:script.x1"), max_size=60))
def test_no_message_leaves_its_place(text: str) -> None:
    check(page(text, text, text), 3)


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "//host/x",
     "JaVaScRiPt:alert(1)", "&#106;avascript:alert(1)", "mailto:a@b.c", "https:", "ftp://x/y"],
)  # fmt: skip
def test_only_web_links(address: str) -> None:
    found = page("a", f"[x]({address}) <{address}> ![y]({address})\n\n[z]\n\n[z]: {address}")
    check(found, 2)
    assert not [tag for tag, _ in found.tags if tag == "a"]


def test_nothing_is_loaded_and_nothing_runs() -> None:
    found = page("a", ANSWER)
    policy = next(a["content"] for t, a in found.tags if a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    digest = base64.b64encode(hashlib.sha256(found.style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert "url(" not in found.style
    assert "@import" not in found.style
    assert "prefers-color-scheme: dark" in found.style
    assert "@media print" in found.style


def test_a_very_long_message_is_shown_as_it_is() -> None:
    text = "*a* [" * 60_000
    found = page("a", text)
    check(found, 2)
    assert text in found.text


def test_control_characters_are_visible() -> None:
    html = "".join(html_chunks(talk("\x1b\u202eabc", "\x1b\u202eabc", title="\u202e")))
    assert "\u202e" not in html
    assert html.count("⟨U+202E⟩") == 4
