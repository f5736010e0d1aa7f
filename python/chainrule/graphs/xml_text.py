"""Any text inside XML."""

from __future__ import annotations

import html


def escaped(text: str) -> str:
    """Return the text with XML's own characters escaped and those that XML cannot hold replaced."""
    return html.escape("".join(c if c.isprintable() else "�" for c in text))
