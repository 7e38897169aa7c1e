"""Reading lists as people paste and export them: which sign separates, what a column means. Pure."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from charset_normalizer import from_bytes

from campaigns.places import plain_name

SEPARATORS = ";,\t|"
ADDRESS = "address"
# What columns are called, in the languages of those who export them; accents as they come.
HEADINGS = {
    "phone": "phone telephone mobile cell whatsapp number numero número telefone celular telefono teléfono "
    "movil móvil phone_number fone tel",
    "email": "email e_mail mail correo correo_electronico correo_electrónico email_address",
    "name": "name nome nombre full_name nome_completo nombre_completo customer cliente",
    "language": "language locale idioma lingua língua lengua",
    "timezone": "timezone time_zone tz fuso fuso_horario fuso_horário zona_horaria huso_horario",
    "tags": "tags tag labels etiquetas etiqueta marcadores",
    ADDRESS: "address id user_id external_id contact_id usuario",
}
MEANINGS = {name: meaning for meaning, names in HEADINGS.items() for name in names.split()}


@dataclass(frozen=True, slots=True)
class Line:
    """One row: where it begins, as an editor counts, what it says, and whether it could be taken apart."""

    number: int
    cells: tuple[str, ...]
    raw: str
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """How a list is written: the separator, the columns by meaning or name, whether there is a heading."""

    separator: str
    columns: tuple[str, ...]
    has_heading: bool


def decoded(data: bytes) -> str:
    """Returns the text of a file whatever wrote it; what cannot be read at all becomes replacement signs."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        best = from_bytes(data).best()
        return str(best) if best else data.decode("cp1252", "replace")


def shape_of(text: str) -> Shape:
    """Finds out how a list is written from its first line that says anything."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=first.count) if any(sign in first for sign in SEPARATORS) else ","
    cells = [cell.strip() for cell in next(csv.reader([first], delimiter=separator), [])]
    names = [plain_name(cell.strip('"')) for cell in cells]
    if any(name in MEANINGS for name in names):
        return Shape(separator, tuple(MEANINGS.get(name, name) for name in names), has_heading=True)
    # Bare addresses, with a name behind them where there is a second column.
    return Shape(separator, (ADDRESS, "name")[: max(1, len(cells))], has_heading=False)


def lines(text: str, shape: Shape) -> Iterator[Line]:
    """Yields the rows of a list that say anything, without its heading."""
    physical = text.splitlines(keepends=True)
    reader = csv.reader(physical, delimiter=shape.separator, strict=True)
    is_first = True
    while True:
        start = reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raw = "".join(physical[start : reader.line_num]).rstrip("\r\n")
            yield Line(start + 1, (), raw, is_broken=True)
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if is_first and shape.has_heading:
            is_first = False
            continue
        is_first = False
        raw = "".join(physical[start : reader.line_num]).rstrip("\r\n")
        yield Line(start + 1, tuple(cell.strip() for cell in cells), raw)
