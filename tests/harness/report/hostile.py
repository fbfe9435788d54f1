"""A corpus with markup and control characters in every field, to test escaping."""

import json
from pathlib import Path

CLASSES = [
    "<script>window.ran=1</script>",
    "</script><img src=x onerror='window.ran=1'>",
    "**bold** | [link](javascript:window.ran=1) `code` <b>b</b> &lt;i&gt; {{ 7*7 }} %{x}",
    "\x1b[31mred\x1b[0m \u202eturned\u202c \x00 nul \u2066isolated",
]
TEXT = "&amp;<svg onload=window.ran=1> \x1b]0;title\x07 | <a href='javascript:window.ran=1'>x</a> \u202e"
NAME = "<img src=x onerror=window.ran=1>.jsonl"
MAPPED = ("--bench", f"files:{NAME}", "--map", "payload=raw,label=class,group=cve,description=text,source=source")
_TAILS = (
    "<script>window.ran=1</script>",
    "</pre></script><script>alert(1)</script>",
    "<!--<script>",
    "\x00\x1b[2J\u202e|`*_",
    "&lt;&#60;&quot;",
)


def write_corpus(folder: Path) -> Path:
    """Writes it to a file whose name is markup too, and returns the path."""
    path = folder / NAME
    with path.open("w", encoding="utf-8") as stream:
        for number in range(160):
            label = number % len(CLASSES)
            word = ("alpha", "beta", "gamma", "delta")[label]
            target = f"/{word}/{number}?q={_TAILS[number % len(_TAILS)]}"
            row = {
                "raw": f"GET {target} HTTP/1.1\r\nHost: h{number * 7919}.test\r\n\r\n",
                "class": CLASSES[label],
                "cve": f"CVE-2020-{number // 2:05} {TEXT if number < 8 else ''}",
                "text": TEXT,
                "source": f"{TEXT} {number % 3}",
            }
            stream.write(json.dumps(row) + "\n")
    return path
