"""Scripts as text: where statements end, for shells that read line by line."""

from __future__ import annotations

from headwater.sql.tokens import BAD, END, OPENERS, tokenize


def split_statements(text: str) -> tuple[list[str], str]:
    """The complete statements of a text, each with its `;`, and what is left after the last of them.

    Quotes and comments are respected; an unclosed one makes the rest incomplete. Comments between statements are
    dropped; a rest of nothing but white space and comments is empty.
    """
    tokens = tokenize(text)
    statements: list[str] = []
    begin = 0
    for index, kind in enumerate(tokens.kinds):
        if kind == ";":
            statements.append(text[tokens.starts[begin] : tokens.ends[index]])
            begin = index + 1
        elif kind == END or (kind == BAD and tokens.texts[index] in OPENERS):
            break
    return statements, text[tokens.starts[begin] :].rstrip()
