"""Foreign text, made fit for a log, a terminal and a workflow's history."""

import re

_LONGEST = 300
_SECRETS = (
    (re.compile(r"(?<=//)[^/\s@]+(?=@)"), "***"),
    (
        re.compile(r"(?i)\b(passw(?:or)?d|pwd|token|secret|api_?key)(\"?\s*[=:]\s*\"?)[^\s\"&,;}]+"),
        r"\1\2***",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 ***"),
)
"""That system puts addresses with credentials into its errors; what looks like one gets no further."""


def safe_text(value: object) -> str:
    """Return a text of another system for people: one printable line, without credentials, cut."""
    if not isinstance(value, str):
        return ""
    text = " ".join("".join(one if one.isprintable() or one.isspace() else "?" for one in value).split())
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
