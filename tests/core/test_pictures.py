"""What strangers send becomes harmless to look at, and stays what it was where it is harmless."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from core import pictures
from core.pictures import ACTIVE, OPAQUE, PLAYED, safe_content

PAGE = b"<html><script>alert(1)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def drawn(form: str, *, size: tuple[int, int] = (8, 4), mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "red" if mode == "RGB" else 1).save(out, form, **options)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def located(form: str) -> bytes:
    """A picture that says where it was taken, and that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret place"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return drawn(form, exif=exif)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_picture_is_written_anew_as_what_it_is(form: str) -> None:
    content, kind = safe_content(drawn(form), "image/x-claimed")
    assert kind == f"image/{form.lower()}"
    assert (opened(content).format, opened(content).size) == (form, (8, 4))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_picture_is_turned_upright_and_says_no_longer_where_it_was_taken(form: str) -> None:
    content, _ = safe_content(located(form), f"image/{form.lower()}")
    assert opened(content).size == (4, 8)
    assert not opened(content).getexif()
    assert b"secret place" not in content


def test_texts_in_a_picture_stay_behind() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "secret place")
    second = [Image.new("RGB", (8, 4), "blue")]
    for content, kind in (
        (drawn("PNG", pnginfo=notes), "image/png"),
        (drawn("JPEG", comment="secret place"), "image/jpeg"),
        (drawn("GIF", comment="secret place"), "image/gif"),
        (drawn("GIF", comment="secret place", save_all=True, append_images=second), "image/gif"),
    ):  # fmt: skip
        assert b"secret place" in content
        assert b"secret place" not in safe_content(content, kind)[0]


def test_picture_of_a_telephone_with_a_second_one_behind_it_is_a_jpeg() -> None:
    """Samsung and Apple send MPO, which browsers know as JPEG only."""
    content, kind = safe_content(
        drawn("MPO", save_all=True, append_images=[Image.new("RGB", (8, 4))]), "image/jpeg"
    )
    assert (kind, opened(content).format) == ("image/jpeg", "JPEG")


def test_moving_picture_keeps_moving() -> None:
    frames = [Image.new("RGB", (8, 4), color) for color in ("blue", "green")]
    content, kind = safe_content(drawn("GIF", save_all=True, append_images=frames), "image/gif")
    assert (kind, getattr(opened(content), "n_frames", 1)) == ("image/gif", 3)


@pytest.mark.parametrize(
    "payload",
    [PAGE, SVG, b"", b"\x00" * 50, b"GIF89a" + PAGE, b"\x89PNG\r\n\x1a\n" + PAGE, b"\xff\xd8\xff" + PAGE],
)
def test_what_only_claims_to_be_a_picture_is_bytes_of_no_type(payload: bytes) -> None:
    """FreeScout GHSA-27vp: a .pht; Libredesk: an SVG; both came as pictures."""
    assert safe_content(payload, "image/png") == (payload, OPAQUE)


def test_page_behind_a_picture_is_left_behind() -> None:
    content, kind = safe_content(drawn("PNG") + PAGE, "image/png")
    assert kind == "image/png"
    assert b"script" not in content


@pytest.mark.parametrize("claimed", [*sorted(ACTIVE), "TEXT/HTML; charset=utf-8", " image/svg+xml "])
def test_active_type_is_never_kept(claimed: str) -> None:
    assert safe_content(b"hello", claimed) == (b"hello", OPAQUE)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b" \r\n\t"])
@pytest.mark.parametrize(
    "page", [PAGE, SVG, b"<!DOCTYPE HTML><p>", b"<?xml version='1.0'?><a/>", b"<BODY onload=x>"]
)
def test_page_under_another_name_is_bytes_of_no_type(start: bytes, page: bytes) -> None:
    assert safe_content(start + page, "text/plain")[1] == OPAQUE


@pytest.mark.parametrize(
    "claimed", ["text/plain\r\nX-Evil: 1", "text", "", "a/b/c", "texté/plain", "x" * 200 + "/y", "a/\x00"]
)
def test_type_that_is_none_reaches_no_header(claimed: str) -> None:
    assert safe_content(b"hello", claimed) == (b"hello", OPAQUE)


@pytest.mark.parametrize("kind", [*sorted(PLAYED), "application/pdf", "text/plain", "text/csv"])
def test_harmless_file_stays_as_it_is(kind: str) -> None:
    assert safe_content(b"content", f"{kind}; x=1") == (b"content", kind)


def test_bombs_are_not_lit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Case O: few bytes that become gigabytes."""
    monkeypatch.setattr(pictures, "MAX_PIXELS", 10_000)
    bomb = drawn("PNG", size=(101, 100), mode="1")
    assert safe_content(bomb, "image/png") == (bomb, OPAQUE)
    frames = [Image.new("RGB", (60, 60), (number, 0, 0)) for number in range(3)]
    film = drawn("GIF", size=(60, 60), save_all=True, append_images=frames)
    assert safe_content(film, "image/gif") == (film, OPAQUE)


@given(st.data())
def test_broken_picture_of_any_kind_is_no_error(data: st.DataObject) -> None:
    whole = bytearray(
        data.draw(st.sampled_from([located("JPEG"), located("PNG"), located("WEBP"), drawn("GIF")]))
    )
    for _ in range(data.draw(st.integers(1, 12))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    content, kind = safe_content(bytes(whole[: data.draw(st.integers(1, len(whole)))]), "image/png")
    assert kind in pictures.FORMATS or kind == OPAQUE
    assert content


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize(
    ("size", "expected"), [((400, 100), (200, 50)), ((100, 400), (50, 200)), ((9, 7), (9, 7))]
)
def test_preview_is_a_jpeg_no_larger_than_asked(
    form: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    content = pictures.preview(drawn(form, size=size), 200)
    assert content is not None
    assert (opened(content).format, opened(content).size) == ("JPEG", expected)


def test_preview_shows_white_where_a_picture_is_transparent() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(out, "PNG")
    content = pictures.preview(out.getvalue(), 8)
    assert opened(content or b"").getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("content", [PAGE, SVG, b"", drawn("PNG")[:40]])
def test_preview_of_what_is_no_picture_is_none(content: bytes) -> None:
    assert pictures.preview(content, 200) is None


def test_preview_of_a_picture_that_would_fill_the_memory_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 31)
    assert pictures.preview(drawn("PNG"), 200) is None
