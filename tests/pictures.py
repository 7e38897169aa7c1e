"""Pictures that a viewer can open."""

import io

from PIL import Image

from core.pictures import rewritten


def picture(form: str = "PNG", size: tuple[int, int] = (8, 4)) -> bytes:
    """A red picture; written anew, it comes out the same."""
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, form)
    written = rewritten(out.getvalue())
    assert written is not None
    return written[0]


PNG = picture()
