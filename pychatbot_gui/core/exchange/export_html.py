"""A conversation as one page for a browser: nothing is loaded, nothing runs, light and dark."""

import base64
import hashlib
from collections.abc import Iterator

from pychatbot_gui.core.chat import Role
from pychatbot_gui.core.exchange.export_text import about, plain, title_line, when, who
from pychatbot_gui.core.exchange.markdown_text import escaped, safe_html
from pychatbot_gui.core.history import SavedChat, SavedMessage

STYLE = """
:root { color-scheme: light dark; --page: #f5f6f8; --paper: #fff; --text: #1d2430; --muted: #586174;
  --line: #d5dae3; --link: #1f54ba; --mine: #e4ecfb; --code: #eff1f5; --warning: #8a5200; }
@media (prefers-color-scheme: dark) {
  :root { --page: #181a1f; --paper: #212429; --text: #e7e9ee; --muted: #a3abba; --line: #3a3f49;
    --link: #9abaff; --mine: #2a3650; --code: #16181c; --warning: #f0bd62; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header { border-bottom: 1px solid var(--line); margin-bottom: 2rem; padding-bottom: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .4rem; overflow-wrap: anywhere; }
.about, .when { color: var(--muted); font-size: .85rem; margin: 0; }
.cut { color: var(--warning); }
article { margin: 0 0 1.75rem; }
.who { display: flex; flex-wrap: wrap; gap: .1rem .7rem; align-items: baseline; margin: 0 0 .4rem; }
.who h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
.user > .text, .system > .text { background: var(--mine); border-radius: 12px; padding: .7rem 1rem; }
.system > .text { background: var(--code); }
.text { overflow-wrap: anywhere; }
.text > :first-child { margin-top: 0; } .text > :last-child { margin-bottom: 0; }
.plain { white-space: pre-wrap; }
p, li, td, th, h1, h2, h3, h4, h5, h6, .plain { unicode-bidi: plaintext; }
h3, h4, h5, h6 { line-height: 1.3; margin: 1.5rem 0 .5rem; font-size: 1rem; }
h3 { font-size: 1.35rem; } h4 { font-size: 1.18rem; }
a { color: var(--link); }
code, pre { font-family: ui-monospace, "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: .9em; }
:not(pre) > code { background: var(--code); border-radius: 4px; padding: .1em .35em; }
figure { margin: 1rem 0; background: var(--code); border: 1px solid var(--line); border-radius: 9px; }
figure pre { margin: 0; padding: .8rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere;
  line-height: 1.5; tab-size: 4; }
.language { color: var(--muted); font-size: .78rem; padding: .4rem 1rem 0; }
blockquote { border-left: 3px solid var(--line); color: var(--muted); margin: 1rem 0; padding: 0 0 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; }
th, td { border: 1px solid var(--line); padding: .35rem .7rem; text-align: start; }
th { background: var(--code); } .right { text-align: right; } .center { text-align: center; }
hr { border: 0; border-top: 1px solid var(--line); margin: 1.5rem 0; }
.image { color: var(--muted); }
@media print {
  :root { --page: #fff; --paper: #fff; --text: #000; --muted: #444; --line: #bbb; --link: #1f54ba;
    --mine: #f0f3f9; --code: #f5f6f8; --warning: #8a5200; }
  body { font-size: 11pt; } main { max-width: none; padding: 0; }
  .who, h1, h2, h3 { break-after: avoid; } tr, .language { break-inside: avoid; }
  p, li { orphans: 3; widows: 3; }
}
"""


def html_chunks(chat: SavedChat) -> Iterator[str]:
    """The branch that is shown as a page; its only style is the one above, by its hash."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = escaped(title_line(chat))
    yield (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="generator" content="PyChatbot">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<h1>{title}</h1>\n<p class="about">{escaped(about(chat))}</p>\n</header>\n'
    )
    if chat.system.strip():
        yield _article("system", "System prompt", "", False, _plain(chat.system))
    for message in chat.path():
        body = _body(message)
        yield _article(message.role.value, who(message), when(message), message.is_cut, body)
    yield "</main>\n</body>\n</html>\n"


def _article(kind: str, name: str, side: str, cut: bool, body: str) -> str:
    time = f'<p class="when{" cut" if cut else ""}">{escaped(side)}</p>' if side else ""
    return (
        f'<article class="{kind}">\n<div class="who"><h2>{escaped(name)}</h2>{time}</div>\n'
        f'<div class="text">\n{body}</div>\n</article>\n'
    )


def _body(message: SavedMessage) -> str:
    if not message.text.strip():
        return '<p class="about">(empty)</p>\n'
    if message.role is Role.ASSISTANT:
        return safe_html(plain(message.text))
    return _plain(message.text)


def _plain(text: str) -> str:
    return f'<div class="plain">{escaped(plain(text).strip(chr(10)))}</div>\n'
