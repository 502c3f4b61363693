"""Active ingredients: one spelling for all, and the families in which allergies cross. Pure.

Vietnamese labels write "amoxicilin", imported ones "amoxicillin", old ones "amoxycillin": one key for all three.
Source: Dược thư Quốc gia Việt Nam (names); TT 51/2017/TT-BYT (allergy history asked before prescribing); WHO ATC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from benhan.core.kit.codes import ALLERGY_GROUPS
from benhan.core.kit.text import fold

_SPELLINGS: Final = ((r"(.)\1+", r"\1"), (r"ph", "f"), (r"y", "i"), (r"^cef?al", "cefal"), (r"e\b", ""), (r"th", "t"))


def _spelled(word: str) -> str:
    for pattern, by in _SPELLINGS:
        word = re.sub(pattern, by, word)
    return word


_SALTS: Final = frozenset(
    _spelled(word)
    for word in re.findall(
        r"\w+",
        "natri kali calci magnesi sodium potassium hydroclorid hydrochlorid hydroclorit hcl clorid chlorid sulfat "
        "sulphat phosphat fosfat maleat besylat besilat mesylat mesilat tartrat citrat acetat fumarat succinat "
        "trihydrat monohydrat dihydrat khan axetil proxetil dinatri",
    )
)


class Family(msgspec.Struct, frozen=True):
    """Ingredients that somebody allergic to one of them should not be given; `cautions` may cross more rarely."""

    code: str
    name: str
    members: frozenset[str]
    atc: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


def key(name: str) -> str:
    """One spelling of one ingredient: "Amoxycillin trihydrate" → "amoxicilin". Salts and water are left out."""
    words = [_spelled(word) for word in fold(name).split()]
    kept = [word for word in words if word not in _SALTS]
    return " ".join(kept or words)


def keys_of(names: Iterable[str]) -> frozenset[str]:
    """The keys of several ingredients."""
    return frozenset(one for name in names if (one := key(name)))


def split(name: str) -> list[str]:
    """The ingredients in a combined name: "Amoxicilin + Acid clavulanic"."""
    return [part.strip() for part in re.split(r"[+;,]", name) if part.strip()]


def _family(code: str, name: str, members: str, atc: tuple[str, ...] = (), cautions: tuple[str, ...] = ()) -> Family:
    return Family(code, name, keys_of(members.split("|")), atc, cautions)


FAMILIES: Final = {
    one.code: one
    for one in (
        _family(
            "penicillin", "Nhóm penicilin",
            "Penicillin|Penicilin G|Penicilin V|Benzylpenicilin|Phenoxymethylpenicilin|Amoxicilin|Ampicilin|Cloxacilin|"
            "Dicloxacilin|Oxacilin|Piperacilin|Ticarcilin|Sultamicilin|Benzathin benzylpenicilin",
            ("J01C",), ("cephalosporin", "carbapenem"),
        ),
        _family(
            "cephalosporin", "Nhóm cephalosporin",
            "Cephalosporin|Cefalexin|Cefaclor|Cefadroxil|Cefradin|Cefazolin|Cefuroxim|Cefixim|Cefpodoxim|Cefdinir|"
            "Cefditoren|Cefotaxim|Ceftriaxon|Ceftazidim|Cefepim|Cefoperazon|Cefoxitin|Cefprozil",
            ("J01DB", "J01DC", "J01DD", "J01DE", "J01DI"), ("penicillin", "carbapenem"),
        ),
        _family("carbapenem", "Nhóm carbapenem", "Imipenem|Meropenem|Ertapenem|Doripenem", ("J01DH",), ("penicillin",)),
        _family(
            "macrolide", "Nhóm macrolid",
            "Macrolid|Azithromycin|Clarithromycin|Erythromycin|Roxithromycin|Spiramycin|Josamycin",
            ("J01FA",),
        ),
        _family(
            "quinolone", "Nhóm quinolon",
            "Quinolon|Ciprofloxacin|Levofloxacin|Moxifloxacin|Ofloxacin|Norfloxacin|Acid nalidixic|Pefloxacin",
            ("J01M",),
        ),
        _family(
            "sulfonamide", "Nhóm sulfamid",
            "Sulfamid|Sulfamethoxazol|Sulfadiazin|Sulfadoxin|Sulfasalazin|Cotrimoxazol|Sulfaguanidin",
            ("J01E",),
        ),
        _family(
            "aminoglycoside", "Nhóm aminosid", "Gentamicin|Tobramycin|Amikacin|Neomycin|Streptomycin|Kanamycin",
            ("J01G",),
        ),
        _family("tetracycline", "Nhóm tetracyclin", "Tetracyclin|Doxycyclin|Minocyclin", ("J01A",)),
        _family(
            "nsaid", "Nhóm kháng viêm không steroid (NSAID)",
            "NSAID|Aspirin|Acid acetylsalicylic|Acetylsalicylic acid|Ibuprofen|Diclofenac|Naproxen|Ketoprofen|"
            "Meloxicam|Piroxicam|Celecoxib|Etoricoxib|Indomethacin|Indometacin|Ketorolac|Etodolac|"
            "Aceclofenac|Acid mefenamic|Nimesulid",
            ("M01AA", "M01AB", "M01AC", "M01AE", "M01AG", "M01AH", "N02BA"),
        ),
        _family("opioid", "Nhóm opioid", "Morphin|Codein|Tramadol|Fentanyl|Pethidin|Oxycodon", ("N02A",)),
        _family("local_anaesthetic", "Thuốc tê tại chỗ", "Lidocain|Procain|Bupivacain|Articain|Mepivacain", ("N01B",)),
        _family("iodine-contrast", "Thuốc cản quang iod", "Iohexol|Iopamidol|Iopromid|Ioversol|Iodixanol", ("V08A",)),
    )
}  # fmt: skip


def families_of(names: Iterable[str], atc: str = "") -> frozenset[str]:
    """The families that a medicine with these ingredients belongs to."""
    wanted = keys_of(names)
    return frozenset(
        code for code, one in FAMILIES.items() if wanted & one.members or (atc and atc.startswith(one.atc or ("?",)))
    )


def family_named(text: str) -> str | None:
    """The family that a written allergy means: by its code, its name, or one of its members ("Penicillin")."""
    written = key(text)
    for code, one in FAMILIES.items():
        names = {key(one.name), key(ALLERGY_GROUPS.get(code, code))} | one.members
        if text == code or written in names:
            return code
    return None
