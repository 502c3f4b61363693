"""A PDF signed with a certificate verifies for anybody, shows any change; and comes about only if it may."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from benhan.core.kit import printing
from benhan.core.signing import detached, pades
from benhan.core.signing.examine import Unreadable, all_good, examine
from benhan.core.signing.pades import Holder
from benhan.core.signing.trust import CannotSign
from tests.debian import bring, libraries
from tests.signing_house import House, asn1, holder, house
from tests.standins.authority import DAY, rsa_key

#: pdfsig and what it needs that a small machine may lack.
POPPLER = (
    "poppler-utils", "libpoppler126", "libnss3", "libnspr4", "libopenjp2-7", "liblcms2-2", "libtiff6",
    "libjpeg62-turbo", "libfreetype6", "libfontconfig1", "libpng16-16", "libdeflate0", "libjbig0", "liblerc4",
    "libwebp7", "libbrotli1",
)  # fmt: skip
REASON = "Ký hồ sơ bệnh án"


@pytest.fixture(scope="module")
def signing() -> Iterator[House]:
    with house() as made:
        yield made


@pytest.fixture(scope="module")
def paper() -> bytes:
    return printing.render_now("specimen", {"facility": {"name": "BVĐK Sông Hồng"}, "date": "2026-11-21"})


def by(key: str, digest: bytes) -> bytes:
    return rsa_key(key).sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))


async def signed(at: House, pdf: bytes, name: str, key: str, field: str) -> bytes:
    who = holder(at.authority, name, rsa_key(key))
    (prepared,) = await pades.prepare(at.means.trust, at.means.tsa, who, [(pdf, field)], REASON)
    made = await pades.finish(at.means.trust, at.means.tsa, who, prepared, by(key, prepared.hash))
    assert {one.kind for one in made.answers} == {"ocsp", "crl"}  # both levels were asked
    return made.pdf


@pytest.fixture(scope="module")
async def two(signing: House, paper: bytes) -> bytes:
    """A doctor signs, then the house, as the last, with its seal."""
    first = await signed(signing, paper, "BS. Nguyễn Thu Hà", "doctor", "Signature1")
    return await signed(signing, first, "BVĐK Sông Hồng", "seal", "Signature2")


async def test_several_sign_in_order_and_the_authorities_are_needed_no_more(signing: House, two: bytes) -> None:
    signing.authority.asked.clear()
    found = await examine(signing.means.trust, two)
    assert [one.name for one in found] == ["BS. Nguyễn Thu Hà", "BVĐK Sông Hồng"]
    assert all_good(found) and all(one.at for one in found)
    assert not signing.authority.asked  # a B-LTA document carries every answer


async def test_poppler_says_the_same(two: bytes, tmp_path: Path) -> None:
    tool = bring("poppler", POPPLER, "usr/bin/pdfsig")
    (tmp_path / "two.pdf").write_bytes(two)
    done = await asyncio.to_thread(
        subprocess.run, [str(tool), "-nocert", str(tmp_path / "two.pdf")], capture_output=True, text=True, check=False,
        timeout=60, env={"LD_LIBRARY_PATH": libraries("poppler"), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.count("Signature is Valid.") >= 2, done.stdout + done.stderr
    assert "BS. Nguyễn Thu Hà" in done.stdout and "ETSI.CAdES.detached" in done.stdout


async def test_a_changed_byte_is_seen_wherever_a_signature_covers_it(signing: House, two: bytes) -> None:
    """A few each time, from a seed (docs/why/signing.md says how many were tried)."""
    drawn = random.Random(7)
    for _ in range(12):
        place = drawn.randrange(len(two))
        changed = bytearray(two)
        changed[place] ^= 1 << drawn.randrange(8)
        try:
            found = await examine(signing.means.trust, bytes(changed))
        except Unreadable:
            continue
        assert not (all_good(found) and len(found) == 2), f"byte {place} of {len(two)}"


@pytest.mark.parametrize(
    ("kind", "begins", "ends"),
    [("expired", -3 * DAY, -timedelta(minutes=5)), ("too-early", timedelta(hours=1), DAY)],
)
async def test_a_certificate_signs_in_its_time_only(
    signing: House, paper: bytes, kind: str, begins: timedelta, ends: timedelta
) -> None:
    late = signing.authority.issue("BS. Trần", rsa_key("doctor").public_key(), begins=begins, ends=ends)
    who = Holder(asn1(late), (asn1(signing.authority.issuer),))
    with pytest.raises(CannotSign) as refused:
        await pades.prepare(signing.means.trust, signing.means.tsa, who, [(paper, "Signature1")], REASON)
    assert refused.value.kind == kind


async def test_revoked_between_hash_and_signature_it_signs_nothing(signing: House, paper: bytes) -> None:
    who = holder(signing.authority, "BS. Lê", rsa_key("doctor"))
    (prepared,) = await pades.prepare(signing.means.trust, signing.means.tsa, who, [(paper, "Signature1")], REASON)
    signing.authority.revoked.add(who.certificate.serial_number)
    with pytest.raises(CannotSign) as refused:
        await pades.finish(signing.means.trust, signing.means.tsa, who, prepared, by("doctor", prepared.hash))
    assert refused.value.kind == "revoked"


async def test_no_answer_no_stamp_no_root_and_another_signature_are_no_signature(signing: House, paper: bytes) -> None:
    at, who = signing.authority, holder(signing.authority, "BS. Phạm", rsa_key("doctor"))
    told = []
    (prepared,) = await pades.prepare(signing.means.trust, signing.means.tsa, who, [(paper, "Signature1")], REASON)
    with pytest.raises(CannotSign) as refused:
        await pades.finish(signing.means.trust, signing.means.tsa, who, prepared, by("doctor", bytes(32)))
    told.append(refused.value.kind)
    for fault in ("silent", "no_stamps"):
        setattr(at, fault, True)
        with pytest.raises(CannotSign) as refused:
            await pades.prepare(signing.means.trust, signing.means.tsa, who, [(paper, "Signature1")], REASON)
        setattr(at, fault, False)
        told.append(refused.value.kind)
    with house(mark=" elsewhere") as elsewhere, pytest.raises(CannotSign) as refused:
        await pades.may_sign(signing.means.trust, holder(elsewhere.authority, "BS. Lạ", rsa_key("doctor")))
    told.append(refused.value.kind)
    assert told == ["wrong-hash", "no-answer", "no-stamp", "untrusted"]


def test_a_jws_holds_for_its_content_alone(signing: House) -> None:
    who = holder(signing.authority, "BS. Hà", rsa_key("doctor"))
    token = detached.unsigned(who, b"ho so", "2026-11-22T08:00:00.000+07:00")
    made = detached.joined(token.header, by("doctor", token.hash))
    assert detached.holds(made, b"ho so")
    assert not detached.holds(made, b"ho so.") and not detached.holds(made[:-6] + "AAAAAA", b"ho so")
    assert not detached.holds("x..y", b"ho so")
    assert detached.certificate(made).serial_number == who.certificate.serial_number
