"""What came of reading a file or a pasted text of a source. Reads; stores nothing."""

from pathlib import PurePosixPath

from core.reasons import reason
from knowledge import formats, questions
from knowledge.enums import ItemStatus, SourceKind
from knowledge.models import Source, SourceItem
from knowledge.websites import Visit


def visit_file(item: SourceItem) -> Visit:
    """Reads a file that was uploaded. Raises OSError where the place of files is away."""
    kind = formats.SUFFIXES.get(PurePosixPath(item.name).suffix.lower())
    if kind is None:
        return Visit(ItemStatus.SKIPPED, reason("no file that can be read"))
    try:
        with item.file.open("rb") as file:
            data = file.read(formats.MAX_TABLE_BYTES + 1)
    except FileNotFoundError:
        return Visit(ItemStatus.FAILED, reason("its content is not there any more; upload it again"))
    found = tuple(formats.read(data, kind=kind, key=item.key, name=item.name))
    return Visit(ItemStatus.READ, documents=found, size=item.size)


def visit_text(source: Source, item: SourceItem) -> Visit:
    """Reads what was pasted: one text, or questions and answers."""
    if source.kind == SourceKind.QUESTIONS:
        found = tuple(questions.documents_of(source.text, key=item.key))
    else:
        found = tuple(formats.pasted(source.text, key=item.key, title=source.name))
    return Visit(ItemStatus.READ, documents=found)
