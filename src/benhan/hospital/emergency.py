"""Words that do not wait for an answer: who writes one is told to call 115 before anything else. Pure.

A word that somebody typed without its accents, or without some, counts as well; one with others does not: "ngat" and
"ngât" may be "ngất" (to faint), "ngạt mũi" (a blocked nose) is not. Rather once too often: "không khó thở" raises it
too. The app has the list from here and looks while she types (`miniapp/src/parts/emergency.tsx`, the same rule).
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import combining, normalize

#: Source: QĐ 1904/QĐ-BYT and the red flags of emergency triage (WHO, Basic Emergency Care, 2018), in patients' words.
WORDS: Final = (
    # Breath, heart
    "khó thở", "không thở được", "ngừng thở", "nghẹt thở", "ngạt thở", "tím tái", "đau ngực", "tức ngực", "đau tim",
    "ngừng tim", "hóc dị vật", "sốc phản vệ",
    # Consciousness, brain
    "ngất", "bất tỉnh", "hôn mê", "lơ mơ", "co giật", "động kinh", "đột quỵ", "đột quị", "tai biến", "liệt nửa người",
    "yếu nửa người", "tê nửa người", "méo miệng", "méo mồm", "nói ngọng đột ngột", "không nói được",
    # Blood, wounds
    "chảy máu nhiều", "ra máu nhiều", "máu không cầm", "không cầm được máu", "ho ra máu", "nôn ra máu", "ói ra máu",
    "băng huyết", "vỡ ối", "bỏng nặng", "điện giật", "đuối nước", "rắn cắn", "tai nạn",
    # Poison, life
    "ngộ độc", "thuốc trừ sâu", "thuốc diệt cỏ", "thuốc chuột", "quá liều", "tự tử", "tự sát", "tự vẫn", "muốn chết",
    "không muốn sống",
    # English
    "can't breathe", "cannot breathe", "short of breath", "shortness of breath", "difficulty breathing",
    "trouble breathing", "chest pain", "heart attack", "faint", "fainted", "fainting", "passed out", "unconscious",
    "seizure", "seizures", "convulsion", "convulsions", "stroke", "paralysed", "paralyzed", "numb on one side",
    "weak on one side", "heavy bleeding", "bleeding a lot", "bleeding heavily", "coughing blood", "vomiting blood",
    "choking", "overdose", "poisoned", "poisoning", "suicide", "suicidal", "kill myself", "want to die",
)  # fmt: skip
_LETTERS: Final = re.compile(r"[^\W_]+")


def heard(text: str) -> list[str]:
    """Those of the words that stand in a text, as the list has them."""
    said = _split(text)
    return [word for word, parts in _PARTS.items() if _stands(parts, said)]


def _stands(parts: list[re.Pattern[str]], said: list[str]) -> bool:
    return any(
        all(part.fullmatch(typed) for part, typed in zip(parts, said[at:], strict=False))
        for at in range(len(said) - len(parts) + 1)
    )


def _split(text: str) -> list[str]:
    return [normalize("NFD", word) for word in _LETTERS.findall(normalize("NFC", text).lower())]


def _typed_as(word: str) -> re.Pattern[str]:
    """What stands for a word: each of its accents may be missing."""
    return re.compile("".join(f"{c}?" if combining(c) else "[dđ]" if c == "đ" else c for c in word))


_PARTS: Final = {word: [_typed_as(part) for part in _split(word)] for word in WORDS}
