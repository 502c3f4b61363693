"""A signature holds exactly the content that was signed: any other word, version, person or time breaks it."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.access import signature
from benhan.core.fhir import codec, r4

WHEN = "2026-11-21T07:58:00+07:00"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


def weight(kilograms: str = "56.50", version: str = "1") -> r4.Observation:
    return r4.Observation(
        id="w",
        meta=r4.Meta(versionId=version),
        status="final",
        code=r4.CodeableConcept(text="Cân nặng"),
        valueQuantity=r4.Quantity(value=Decimal(kilograms), unit="kg"),
    )


def signed(*records: r4.Resource) -> signature.Signed:
    found = signature.read(
        signature.provenance(
            records,
            account="a1",
            signer=r4.Reference(reference="Practitioner/p", display="BS Nguyễn Văn Lâm"),
            when=WHEN,
            about=[r4.Reference(reference="Patient/1")],
        )
    )
    assert found is not None
    return found


@given(JSON)
def test_canonical_json_is_one_form_whatever_the_order_and_the_accents(value: object) -> None:
    def decomposed(one: object) -> object:
        if isinstance(one, str):
            return unicodedata.normalize("NFD", one)
        if isinstance(one, dict):
            return {decomposed(key): decomposed(inner) for key, inner in reversed(one.items())}
        return [decomposed(inner) for inner in one] if isinstance(one, list) else one

    assert signature.canonical(value) == signature.canonical(decomposed(value))


def test_canonical_json_is_sorted_dense_utf_8() -> None:
    assert signature.canonical({"b": ["ộ", Decimal("1.50")], "a": 1}) == '{"a":1,"b":["ộ",1.50]}'.encode()


def test_a_signature_tells_who_when_and_what_at_which_version() -> None:
    found = signed(weight(version="3"))
    assert (found.name, found.account, found.when) == ("BS Nguyễn Văn Lâm", "a1", WHEN)
    assert found.records == ("Observation/w/_history/3",)
    assert len(found.hash) == 64


def test_the_signed_content_matches_and_survives_the_wire() -> None:
    record = weight()
    assert signed(record).matches([codec.decode(codec.encode(record), r4.Observation)])


def test_every_other_content_version_signer_or_time_breaks_it() -> None:
    found = signed(weight())
    assert not found.matches([weight("56.5")])  # the digits are part of what was signed
    assert not found.matches([weight(version="2")])
    assert not found.matches([])
    assert not msgspec.structs.replace(found, account="a2").matches([weight()])
    assert not msgspec.structs.replace(found, when="2026-11-21T07:59:00+07:00").matches([weight()])


def test_the_order_of_the_records_does_not_count() -> None:
    other = msgspec.structs.replace(weight(), id="other")
    assert signed(weight(), other).hash == signed(other, weight()).hash


def test_only_the_time_of_storing_is_left_out_of_a_record_hash() -> None:
    assert signature.record_hash(weight(version="1")) == signature.record_hash(weight(version="9"))
    assert signature.record_hash(weight("56")) != signature.record_hash(weight("57"))


def test_a_foreign_or_broken_signature_is_not_ours() -> None:
    made = signature.provenance([weight()], account="a", signer=r4.Reference(display="x"), when=WHEN)
    assert made.signature
    foreign = msgspec.structs.replace(made.signature[0], targetFormat="application/pdf")
    broken = msgspec.structs.replace(made.signature[0], data="không phải base64")
    for wrong in ([foreign], [broken], None):
        assert signature.read(msgspec.structs.replace(made, signature=wrong)) is None
    assert json.loads(codec.encode(made))["resourceType"] == "Provenance"
