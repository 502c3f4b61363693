"""Pictures from a telephone: read from what was sent, and kept without what they tell beside the picture. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _

MOST_PICTURES: Final = 3
MOST_PICTURE: Final = 500_000
#: What an object with so many pictures in Base64 takes at most.
MOST_BYTES: Final = MOST_PICTURES * MOST_PICTURE * 4 // 3
#: APP1 to APP15 but Adobe's (14), and comments.
_TELLING: Final = frozenset({*range(0xE1, 0xF0), 0xFE} - {0xEE})


def read(sent: Any) -> tuple[bytes, ...]:
    """The pictures of a list in Base64, bare.

    Raises:
        Invalid: it is no list, too many, or one is no JPEG.
    """
    if not isinstance(sent, list) or len(sent) > MOST_PICTURES:
        raise Invalid(_("Nhiều nhất %(n)s ảnh.", n=MOST_PICTURES), where="photos")
    try:
        return tuple(bare(base64.b64decode(one, validate=True)) for one in sent)
    except (binascii.Error, TypeError, ValueError):
        raise _no_picture() from None


def bare(picture: bytes, most: int = MOST_PICTURE) -> bytes:
    """A JPEG without what it tells beside the picture: where it was taken, when, with which telephone.

    Standard: ITU-T T.81, annex B (segments up to the scan); application segments but JFIF's and Adobe's, and comments,
    are left out.

    Raises:
        Invalid: it is no JPEG, or too large.
    """
    if len(picture) > most:
        raise Invalid(_("Ảnh quá lớn (tối đa %(n)s KB).", n=most // 1000), where="photos")
    if picture[:2] != b"\xff\xd8" or picture[-2:] != b"\xff\xd9":
        raise _no_picture()
    kept, at = bytearray(picture[:2]), 2
    while at + 4 <= len(picture) and picture[at] == 0xFF:
        marker, size = picture[at + 1], int.from_bytes(picture[at + 2 : at + 4], "big")
        if marker == 0xDA:  # the scan: the picture itself, to the end
            return bytes(kept + picture[at:])
        if size < 2 or at + 2 + size > len(picture):
            break
        if marker not in _TELLING:
            kept += picture[at : at + 2 + size]
        at += 2 + size
    raise _no_picture()


def _no_picture() -> Invalid:
    return Invalid(_("Ảnh này không phải JPEG đọc được."), where="photos")
