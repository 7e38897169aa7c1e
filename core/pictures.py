"""Making what strangers sent harmless to look at."""

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

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
MAX_PIXELS = 50_000_000
MAX_FRAMES = 200


def safe_content(content: bytes, claimed: str) -> tuple[bytes, str]:
    """Returns content and type under which a file may be kept.

    A picture is decoded and written anew, turned upright and without its metadata (where it was taken); one
    that cannot be decoded, and whatever a browser might run, becomes bytes of no type. What the content is
    decides, not the name it came with.
    """
    kind = claimed.partition(";")[0].strip().lower()
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
                return _encoded(picture), f"image/{(picture.format or '').lower()}"
        except (
            UnidentifiedImageError,
            OSError,
            ValueError,
            SyntaxError,
            Warning,
            Image.DecompressionBombError,
        ):
            return None


def _encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        if frames > MAX_FRAMES:
            raise ValueError("too many frames")
        picture.save(out, picture.format, save_all=True)
        return out.getvalue()
    upright = ImageOps.exif_transpose(picture)
    # Comments, places and times stay behind: only what is seen is written.
    upright.info = {name: value for name, value in upright.info.items() if name in {"transparency", "gamma"}}
    options = {"quality": 90} if picture.format in {"JPEG", "WEBP"} else {}
    upright.save(out, picture.format, **options)
    return out.getvalue()
