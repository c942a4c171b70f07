"""Markdown that is hard to read piece by piece."""

TOUR = """Certainly. Here is **how a mutex works**, and when *not* to use one.

# A heading with `code` and *more*

Calling `lock()` twice is an error, see [the manual](https://example.com/mutex) or
https://example.com/very/long, ~~never~~ rarely.\\
A hard break, an entity &amp; a <b>tag</b>.

Setext
======

Another
-------

1. Take the lock
2. Do the work
   - keep it short

     a second paragraph

   - never call unknown code
     - deeper

       ```python
       inside = "a list"

       still = True
       ```
3. Leave

A paragraph.

7. seven

8. eight
* other
+ list

```python
def f():

    return "```"
```
~~~~
```
not the end
~~~
~~~~

    indented code

    goes on

> quote **bold**
lazy line
>
> > nested
> - item

| Left | Right | `c` |
|:-----|------:|:---:|
| 1 | **2** | \\| |
| 3 |

***
- [x] done
- [ ] open

![picture](https://example.com/p.png) and ![](file:///dev/zero)
"""

SAMPLES = {
    "tour": TOUR,
    "long list": "".join(f"- item {n}\n" for n in range(60)) + "\nafter",
    "long loose list": "".join(f"{n}. item\n\n   more {n}\n\n" for n in range(3, 50)) + "after",
    "all ones": "1. a\n" * 50,
    "long table": "| a | b |\n|---|:-:|\n" + "".join(f"| {n} | *{n * n}* |\n" for n in range(70)),
    "table then list": "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 30 + "- x\n- y\n\n| c |\n|---|\n",
    "long code": "```c\n" + "".join(f"  int x{n};\n\n" for n in range(90)) + "```\nafter\n",
    "open code": "text\n```\n" + "line\n" * 200,
    "long line of code": "```\n" + "x" * 30_000 + "\nshort\n```\n",
    "many paragraphs": "".join(f"Paragraph *{n}* of many.\n\n" for n in range(40)),
    "emoji and marks": "👩‍👩‍👧 🏳️‍🌈 **שלום** \x1b[31m \u202eevil\u202c \x00 \ud83d\n\r\n- é\r\n- 漢字\r",
    "references": "See [one] and [two][2].\n\n# Head\n\n[one]: https://example.com/1\n[2]: http://b.c 'x'\n",
    "only markup": "---\n\n***\n\n#\n\n-\n\n>\n\n```\n",
    "nothing": "\n\n \n",
}
