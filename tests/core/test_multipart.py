"""A form arrives as it was meant, whatever a stranger has called the file in it."""

from email import message_from_bytes
from email.message import Message
from email.policy import HTTP

from hypothesis import given
from hypothesis import strategies as st

from core.multipart import FormFile, multipart


def read_back(content_type: str, body: bytes) -> list[Message]:
    """The parts, as another program reads them."""
    form = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=HTTP)
    return [part for part in form.walk() if not part.is_multipart()]


def test_fields_and_file_are_read_back() -> None:
    file = FormFile("photo", "nota ção 😀.pdf", "application/pdf", b"\x00\r\n--x\r\n\xff")
    content_type, body = multipart({"chat_id": "5", "reply": {"id": 7}}, file)
    chat, reply, photo = read_back(content_type, body)
    assert chat.get_payload(decode=True) == b"5"
    assert reply.get_payload(decode=True) == b'{"id": 7}'
    assert photo.get_payload(decode=True) == file.content
    assert photo.get_content_type() == "application/pdf"
    assert 'filename="nota ção 😀.pdf"'.encode() in body


def test_name_and_type_of_a_file_cannot_write_headers() -> None:
    file = FormFile("document", 'a"\r\nX: 1\r\n\r\n"ç.pdf', "application/pdf\r\nY: 2", b"content")
    _, body = multipart({"chat_id": "5"}, file)
    assert 'filename="a___X: 1_____ç.pdf"'.encode() in body
    assert b"\r\nX: 1" not in body
    assert b"\r\nY: 2" not in body


@given(name=st.text(), kind=st.text(), content=st.binary())
def test_whatever_its_name_a_file_has_one_head_and_its_content(name: str, kind: str, content: bytes) -> None:
    content_type, body = multipart({}, FormFile("file", name, kind, content))
    boundary = content_type.partition("boundary=")[2].encode()
    head, _, rest = body.partition(b"\r\n\r\n")
    assert len(head.split(b"\r\n")) == 3
    assert rest == content + b"\r\n--" + boundary + b"--\r\n"
