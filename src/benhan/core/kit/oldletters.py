"""Vietnamese written with fonts instead of Unicode: TCVN3 (ABC, the fonts .VnTime), told apart from rubbish. Pure.

Such text is Latin-1 to whoever reads it ("Tªn c¬ së"). It is recognised so that somebody can be told what to do, and
not turned into data: capitals of it depend on the font. Source: TCVN 5712:1993, VN3.
"""

from __future__ import annotations

import re
from typing import Any, Final

_TCVN3: Final = dict(
    zip(
        "¡¢§£¤¥¦µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\xadõøö÷ùúýûüþ",
        "ĂÂĐÊÔƠƯàáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ",
        strict=True,
    )
)
_TABLE: Final = str.maketrans(_TCVN3)
#: What stands inside a word in TCVN3 and in no word in Unicode: signs beside letters, capitals after small letters.
_STRANGE: Final = re.compile(
    "[A-Za-z][¡¢£¤¥¦µ¶¸¹¼½¾ª¬×÷]|[§©®ª¬][A-Za-z]|[a-z][ÆÇËÎÏÑÖØÜÞ]|[\\x00-\\x08\\x0e-\\x1f\\x7f\\ufffd]"
)


def old_letters(cell: Any) -> str:
    """What a cell says if it was written in TCVN3."""
    return cell.translate(_TABLE) if isinstance(cell, str) else ""


def is_garbled(text: str) -> bool:
    """Whether letters stand in a word that no Vietnamese word has: another encoding, or damage."""
    return bool(_STRANGE.search(text))
