"""Making what strangers sent harmless to look at."""

import io
import logging
import re
import warnings

from PIL import Image, ImageOps

logger = logging.getLogger(__name__)
# Written anew by us; everything else is only ever downloaded.
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}
PLAYED = {
    "audio/ogg",
    "audio/mpeg",
    "audio/mp4",
    "audio/aac",
    "audio/amr",
    "audio/webm",
    "audio/wav",
    "video/mp4",
}
# What a browser could run or render as a page, under whatever name.
ACTIVE = {
    *(
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "text/javascript",
    ),
    *("application/javascript", "application/ecmascript", "text/css", "application/x-shockwave-flash"),
    *("multipart/related", "message/rfc822", "application/x-mimearchive"),
}
OPAQUE = "application/octet-stream"
# RFC 6838, section 4.2: anything else could break out of a header.
TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.ASCII)
MAX_PIXELS = 50_000_000
MAX_FRAMES = 200


def safe_content(content: bytes, claimed: str) -> tuple[bytes, str]:
    """Returns content and type under which a file may be kept.

    A picture is decoded and written anew, turned upright and without its metadata (where it was taken); one
    that cannot be decoded, and whatever a browser might run, becomes bytes of no type. What the content is
    decides, not the name it came with.
    """
    kind = claimed.partition(";")[0].strip().lower()
    if not TYPE.fullmatch(kind):
        kind = OPAQUE
    if kind.startswith("image/") and kind not in ACTIVE:
        return rewritten(content) or (content, OPAQUE)
    if kind in ACTIVE or looks_active(content):
        return content, OPAQUE
    return content, kind or OPAQUE


def looks_active(content: bytes) -> bool:
    """Says whether a browser that guesses would take the content for a page."""
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<script", b"<svg", b"<?xml", b"<body", b"<head"))


def rewritten(content: bytes) -> tuple[bytes, str] | None:
    """Returns a picture encoded anew, and its type; None for what is none that we know, or too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=list(FORMATS.values())) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return None
                # Telephones put a second picture behind the first and still call it a JPEG.
                form = "JPEG" if picture.format == "MPO" else picture.format or ""
                return _encoded(picture, form), f"image/{form.lower()}"
        except Exception:
            # Broken pictures make Pillow raise almost anything; whatever it is, this is no picture to show.
            logger.info("a picture cannot be read", exc_info=True)
            return None


def _encoded(picture: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    frames = 1 if form == "JPEG" else getattr(picture, "n_frames", 1)
    if frames > 1:
        if frames > MAX_FRAMES or frames * picture.width * picture.height > MAX_PIXELS:
            raise ValueError("too many frames")
        picture.info.pop("comment", None)
        picture.save(out, form, save_all=True)
        return out.getvalue()
    upright = ImageOps.exif_transpose(picture)
    # Comments, places and times stay behind: only what is seen is written.
    upright.info = {name: value for name, value in upright.info.items() if name in {"transparency", "gamma"}}
    options = {"quality": 90} if form in {"JPEG", "WEBP"} else {}
    upright.save(out, form, **options)
    return out.getvalue()


def preview(content: bytes, longest_side: int) -> bytes | None:
    """Returns the (first) picture as a JPEG of at most that many pixels a side; None for what is none.

    Transparent parts become white.
    """
    try:
        with Image.open(io.BytesIO(content), formats=list(FORMATS.values())) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return None
            # A JPEG is decoded no larger than needed.
            picture.draft("RGB", (longest_side, longest_side))
            picture.thumbnail((longest_side, longest_side))
            layer = picture.convert("RGBA")
            ground = Image.new("RGB", layer.size, "white")
            ground.paste(layer, mask=layer)
            out = io.BytesIO()
            ground.save(out, "JPEG", quality=80)
            return out.getvalue()
    except Exception:
        logger.info("a picture cannot be made smaller", exc_info=True)
        return None
