"""Questions and answers as people paste them: marked with Q: and A:, in blocks, or as a table."""

import re
from collections.abc import Iterator

from core.reasons import reason
from knowledge import formats
from knowledge.documents import Document, Rejected

# Question, pergunta, pregunta; answer, resposta, respuesta.
_MARKED = re.compile(r"^\s*[QP]\s*[:.]\s*(.+)$", re.IGNORECASE)
_ANSWER = re.compile(r"^\s*[AR]\s*[:.]\s*", re.IGNORECASE)
_TABLE = re.compile(
    r"\A\s*\"?(question|title)\"?\s*[,;\t]|\A[^\n]*[,;\t]\s*\"?(question|title)\"?\s*[,;\t\n]", re.IGNORECASE
)


def documents_of(text: str, *, key: str) -> Iterator[Document | Rejected]:
    """Makes one document of each question, with the question as its title.

    A table has the columns question, answer and perhaps language in its first line. Else a question is a line
    that begins with `Q:` (or `P:`), or, where there is none such, a line after an empty one that ends with a
    question mark; its answer is all that follows until the next.
    """
    text = text.replace("\r\n", "\n")
    if _TABLE.match(text):
        yield from formats.read(text.encode(), kind="csv", key=key, name="")
        return
    pairs = list(_pairs(text))
    if not pairs:
        yield Rejected(key, "", reason("there is no question in it"))
    yield from formats.rows([{"title": question, "text": answer} for question, answer in pairs], key=key)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    lines = text.split("\n")
    is_marked = any(_MARKED.match(line) for line in lines)
    question, answer, was_empty = "", [], True
    for line in lines:
        begun = _question(line, is_marked=is_marked, was_empty=was_empty)
        was_empty = not line.strip()
        if not begun:
            answer.append(line)
            continue
        if question:
            yield question, _answer(answer)
        question, answer = begun, []
    if question:
        yield question, _answer(answer)


def _question(line: str, *, is_marked: bool, was_empty: bool) -> str:
    if is_marked:
        found = _MARKED.match(line)
        return found[1].strip() if found else ""
    return line.strip() if was_empty and line.rstrip().endswith("?") else ""


def _answer(lines: list[str]) -> str:
    return _ANSWER.sub("", "\n".join(lines).strip())
