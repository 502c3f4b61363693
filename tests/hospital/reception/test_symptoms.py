"""What people say is wrong suggests specialties; the table names none that the house does not know."""

from __future__ import annotations

from benhan.hospital.reception import symptoms
from benhan.simulator import plan


def test_words_with_and_without_accents_suggest_the_specialty_and_every_specialty_of_the_table_is_one() -> None:
    table = symptoms.by_specialty()
    assert set(table) <= {one.key for one in plan.SPECIALTIES}
    assert symptoms.said("tôi bị Ù TAI mấy hôm", table["tmh"]) == ["ù tai"]
    assert "ù tai" in symptoms.said("u tai", table["tmh"]) and "sốt" in symptoms.said("sot cao", table["noi"])
    assert "mẩn ngứa" in symptoms.said("man", table["dalieu"]) and symptoms.said("ma", table["dalieu"]) == []
    assert symptoms.said("hộ khẩu", table["tmh"]) == [] and symptoms.said("", table["noi"]) == []
    assert table["noi"].index("sốt") < table["noi"].index("ho")
