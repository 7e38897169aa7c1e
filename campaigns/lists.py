"""Reading lists as people paste and export them: which sign separates, what a column means. Pure."""

import csv
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from itertools import zip_longest

from core.places import plain_name
from core.spreadsheets import FORMULAS

SEPARATORS = ";,\t|"
ADDRESS = "address"
# The last column of the file in which bad lines are given back: why they were bad. Nobody's own column is
# called so, since names have no spaces here.
LEFT_OUT = "left out"
# What columns are called, in the languages of those who export them, accents as they come. Of two that mean
# the same, the one named first here is meant: who has a mobile is not written to at their landline.
HEADINGS = {
    "phone": "whatsapp mobile cell celular movil móvil phone phone_number telephone telefone telefono "
    "teléfono fone tel number numero número",
    "email": "email e_mail mail correo correo_electronico correo_electrónico email_address",
    "name": "name full_name nome_completo nombre_completo nome nombre customer cliente",
    "language": "language locale idioma lingua língua lengua",
    "timezone": "timezone time_zone tz fuso fuso_horario fuso_horário zona_horaria huso_horario",
    "tags": "tags tag labels etiquetas etiqueta marcadores",
    LEFT_OUT: "not_read_because não_lida_porque nao_lida_porque no_leída_porque no_leida_porque",
    ADDRESS: "address id user_id external_id contact_id usuario",
}
MEANINGS = {name: meaning for meaning, names in HEADINGS.items() for name in names.split()}
# Lines over which a cell in quotation marks may go: a mark that is never closed costs only its own line.
LONGEST_CELL = 20
QUOTED = re.compile(r'"[^"]*"?')
# What spreadsheets write that know nothing of UTF-8: the one is meant that makes words of what it finds.
ENCODINGS = ("cp1252", "mac_roman", "cp850")
LOW, HIGH = "áàâãäçéèêëíïñóòôõöúùü", "ÁÀÂÃÄÇÉÈÊËÍÏÑÓÒÔÕÖÚÙÜ"
IN_WORDS = re.compile(f"(?<=[a-z])[{LOW}]|[{LOW}](?=[a-z])|(?<=[A-Z])[{HIGH}]|[{HIGH}](?=[A-Za-z])")
# Signs that stand around words; all others that are none of theirs tell against an encoding.
STRANGE = re.compile(r"[^\x00-\x7f\s\u2013-\u2039\u203a\xab\xbb\xa1\xbf\xaa\xba\xb0\u20ac]")
ENOUGH = 200_000


@dataclass(frozen=True, slots=True)
class Line:
    """One row: where it begins, as an editor counts, what it says, and whether it could be taken apart."""

    number: int
    cells: tuple[str, ...]
    raw: str
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """How a list is written: the separator, the columns by meaning or name, whether there is a heading.

    `heading`: what stands above the columns, or would.
    """

    separator: str
    columns: tuple[str, ...]
    has_heading: bool
    heading: tuple[str, ...]


def is_spreadsheet(data: bytes) -> bool:
    """Says whether a file is one of Excel or LibreOffice itself (ZIP or OLE), whatever it is called."""
    return data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def decoded(data: bytes) -> str:
    """Returns the text of a file whatever wrote it; what cannot be read at all becomes replacement signs."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if data[:2].count(0) == 1:
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(_encoding(data[:ENOUGH]), "replace")


def _encoding(data: bytes) -> str:
    return max(ENCODINGS, key=lambda each: _words(data.decode(each, "replace")))


def _words(text: str) -> int:
    return 2 * len(IN_WORDS.findall(text)) - len(STRANGE.findall(text))


def shape_of(text: str) -> Shape:
    """Finds out how a list is written from its first line that says anything."""
    physical = list(StringIO(text[:ENOUGH], newline=""))
    first = next((number for number, line in enumerate(physical) if line.strip()), 0)
    bare = QUOTED.sub("", "".join(physical[first : first + 1]))
    separator = max(SEPARATORS, key=bare.count) if any(sign in bare for sign in SEPARATORS) else ","
    row = next(_rows(physical[first:], separator), None)
    cells = _without_end(row.cells if row else (), 0)
    if any(MEANINGS.get(plain_name(cell)) == LEFT_OUT for cell in cells):
        cells = tuple(map(_unguarded, cells))
    names = [plain_name(cell) for cell in cells]
    if any(name in MEANINGS for name in names):
        return Shape(separator, tuple(_meanings(names)), has_heading=True, heading=cells)
    columns = _without_heading(cells)
    return Shape(separator, columns, has_heading=False, heading=columns)


def _meanings(names: Sequence[str]) -> Iterator[str]:
    """Yields what columns mean; a second one of a meaning is a value under its own name."""
    best = {meaning: next(filter(names.count, of.split()), "") for meaning, of in HEADINGS.items()}
    for number, name in enumerate(names):
        meaning = MEANINGS.get(name, "")
        is_it = meaning and best[meaning] == name and name not in names[:number]
        yield meaning if is_it or meaning == LEFT_OUT else name


def _without_heading(cells: Sequence[str]) -> tuple[str, ...]:
    """Bare addresses, with a name beside them where there is a second column."""
    first, second = (any(sign in "@0123456789" for sign in cell) for cell in [*cells, "", ""][:2])
    if second and not first:
        return "name", ADDRESS
    return (ADDRESS, "name")[: max(1, len(cells))]


def lines(text: str, shape: Shape) -> Iterator[Line]:
    """Yields the rows of a list that say anything, without its heading."""
    rows = (_read(row, shape) for row in _rows(list(StringIO(text, newline="")), shape.separator))
    said = (row for row in rows if row.is_broken or any(row.cells))
    if shape.has_heading:
        next(said, None)
    yield from said


def _read(row: Line, shape: Shape) -> Line:
    """Returns a row without empty cells behind the last column, and without what we wrote into it."""
    cells = _without_end(row.cells, len(shape.columns)) if shape.has_heading else row.cells
    if LEFT_OUT in shape.columns:
        pairs = zip_longest(cells, shape.columns[: len(cells)], fillvalue="")
        cells = tuple("" if name == LEFT_OUT else _unguarded(cell) for cell, name in pairs)
    return row if cells == row.cells else replace(row, cells=cells)


def _without_end(cells: tuple[str, ...], least: int) -> tuple[str, ...]:
    """Returns cells without the empty ones at their end, but not fewer than are there at least."""
    count = len(cells)
    while count > least and not cells[count - 1]:
        count -= 1
    return cells[:count]


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULAS) else cell


def remains(text: str, numbers: Container[int]) -> list[tuple[str, ...]]:
    """Returns of a list its heading and the lines of these numbers, as `given_back`, without a reason."""
    shape = shape_of(text)
    own = (cell for cell, name in zip(shape.heading, shape.columns, strict=True) if name != LEFT_OUT)
    bad = (given_back(line, shape, "") for line in lines(text, shape) if line.number in numbers)
    return [tuple(own), *bad]


def given_back(line: Line, shape: Shape, why: str) -> tuple[str, ...]:
    """Returns a bad line's cells as they stand below the list's own heading and one more, for the reason.

    What is too much for the heading comes behind that, where it is too much again until it is mended. A mark
    that is not closed is taken out: its line is taken apart at every separator.
    """
    cells = line.cells
    if line.is_broken:
        cells = tuple(cell.strip().strip('"') for cell in line.raw.split(shape.separator))
    count = len(shape.columns)
    own = (*cells[:count], *[""] * (count - len(cells)))
    told = (cell for cell, name in zip(own, shape.columns, strict=True) if name != LEFT_OUT)
    return (*told, why, *(cells[count:] if shape.has_heading else ()))


def _rows(physical: Sequence[str], separator: str) -> Iterator[Line]:
    number = 0
    while number < len(physical):
        cells, used = _cells(physical, number, separator)
        raw = "".join(physical[number : number + used]).rstrip("\r\n")
        told = tuple(cell.strip() for cell in cells or ())
        yield Line(number + 1, told, raw, is_broken=cells is None)
        number += used


def _cells(physical: Sequence[str], number: int, separator: str) -> tuple[list[str] | None, int]:
    """Returns the cells of the row that begins in a line, and how many lines it takes; None where it is cut.

    A mark that is not closed spoils its line alone: what follows is read as lines of their own.
    """
    line = physical[number]
    if '"' not in line:
        return line.rstrip("\r\n").split(separator), 1
    reader = csv.reader(physical[number : number + LONGEST_CELL], delimiter=separator, strict=True)
    try:
        return next(reader), reader.line_num
    except csv.Error:
        if line.count('"') % 2:
            return None, 1
    try:
        # "Ana" Maria: more behind the second mark than a separator.
        return next(csv.reader([line], delimiter=separator)), 1
    except csv.Error:
        return None, 1
