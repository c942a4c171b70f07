"""Markdown as HTML that may stand in a page, and what a Markdown text is made of."""

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# The parser's time grows with the square of some texts: beyond this a text is shown as it is.
LONGEST_MARKDOWN = 200_000


class Heading(NamedTuple):
    """A heading outside of lists and quotes: its first line (from 0), its lines, its level."""

    line: int
    lines: int
    level: int


class Outline(NamedTuple):
    """What in a text could reach beyond it.

    `html`: first line, line after the last, and the tags of a paragraph (none: a block of HTML).
    `open_fence`: what would end the code that the text ends in, "" for none.
    """

    headings: tuple[Heading, ...] = ()
    html: tuple[tuple[int, int, tuple[str, ...]], ...] = ()
    open_fence: str = ""


def outline(text: str) -> Outline:
    """The outline of a text with "\\n" line ends."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 20}).enable("table")
    headings: list[Heading] = []
    html: list[tuple[int, int, tuple[str, ...]]] = []
    fence = ""
    for token in parser.parse(text):
        start, stop = token.map or (0, 0)
        if token.type == "heading_open" and token.level == 0:
            headings.append(Heading(start, stop - start, int(token.tag[1])))
        elif token.type == "html_block":
            html.append((start, stop, ()))
        elif token.type == "inline":
            tags = tuple(c.content for c in token.children or () if c.type == "html_inline")
            if tags:
                html.append((start, stop, tags))
        if token.level == 0:
            fence = token.markup if token.type == "fence" else ""
    return Outline(tuple(headings), tuple(html), fence)


def safe_html(text: str) -> str:
    """The text as HTML: its own tags as text, links to the web only, pictures as their words.

    Nothing in it has a style, a script or an address that is loaded by itself.
    """
    if len(text) > LONGEST_MARKDOWN:
        return f'<div class="plain">{escaped(text)}</div>\n'
    return str(_renderer().render(text))


def escaped(text: str) -> str:
    """The text for HTML, between tags and in attributes."""
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, entity)
    return text


def _renderer() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
    parser.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    # Other addresses than these stay text.
    parser.validateLink = _is_web  # type: ignore[method-assign,assignment]
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link)
    parser.add_render_rule("heading_open", _heading)
    parser.add_render_rule("heading_close", _heading)
    parser.add_render_rule("fence", _code)
    parser.add_render_rule("code_block", _code)
    parser.add_render_rule("th_open", _cell)
    parser.add_render_rule("td_open", _cell)
    return parser


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.netloc)


def _link(_self: object, tokens: list, at: int, *_: object) -> str:  # type: ignore[type-arg]
    address = escaped(str(tokens[at].attrGet("href") or ""))
    return f'<a href="{address}" rel="noopener noreferrer nofollow">'


def _image(_self: object, tokens: list, at: int, *_: object) -> str:  # type: ignore[type-arg]
    """The words for a picture; where it lies is text too, and nothing is loaded."""
    token = tokens[at]
    words, address = token.content or "image", str(token.attrGet("src") or "")
    return f'<span class="image">[{escaped(words)}]</span> <code>{escaped(address)}</code>'


def _heading(_self: object, tokens: list, at: int, *_: object) -> str:  # type: ignore[type-arg]
    """Below the two levels that the page itself has."""
    token = tokens[at]
    level = min(6, int(token.tag[1]) + 2)
    return f"<h{level}>" if token.nesting > 0 else f"</h{level}>\n"


def _code(_self: object, tokens: list, at: int, *_: object) -> str:  # type: ignore[type-arg]
    token = tokens[at]
    language = re.sub(r"\s.*", "", token.info.strip(), flags=re.S)[:30]
    label = f'<div class="language">{escaped(language)}</div>' if language else ""
    return f"<figure>{label}<pre><code>{escaped(token.content)}</code></pre></figure>\n"


def _cell(_self: object, tokens: list, at: int, *_: object) -> str:  # type: ignore[type-arg]
    token = tokens[at]
    side = str(token.attrGet("style") or "").rpartition(":")[2]
    kind = f' class="{side}"' if side in ("right", "center") else ""
    return f"<{token.tag}{kind}>"
