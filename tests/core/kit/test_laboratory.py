"""Results are held against what is normal for this person."""

from decimal import Decimal

from benhan.core.kit import codes


def glucose() -> codes.Analyte:
    [analyte] = codes.analytes("23.75")
    return analyte


def test_a_blood_count_has_its_analytes_in_the_order_of_the_printed_result() -> None:
    keys = [analyte.key for analyte in codes.analytes("22.121")]
    assert keys[0] == "wbc"
    assert {"rbc", "hgb", "hct", "plt"} <= set(keys)
    assert codes.analytes("99.9") == []


def test_haemoglobin_is_judged_by_sex_and_age() -> None:
    hgb = codes.analyte("718-7")
    assert hgb is not None
    assert hgb.flag(125, "male", 500) == "L"
    assert hgb.flag(125, "female", 500) is None
    assert hgb.flag(100, "male", 3) is None
    assert hgb.flag(65, "female", 500) == "LL"


def test_a_value_at_the_end_of_the_range_is_still_normal() -> None:
    assert glucose().flag(Decimal("6.1"), None, 500) is None
    assert glucose().flag(Decimal("6.2"), None, 500) == "H"
    assert glucose().flag(25.0, None, 500) == "HH"
    assert glucose().flag(3.8, None, 500) == "L"


def test_a_range_is_shown_as_it_is_printed() -> None:
    found = glucose().range_for("male", 500)
    assert found is not None and found.shown() == "3,9 – 6,1"
    crp, hdl = codes.analyte("1988-5"), codes.analyte("14646-4")
    assert crp and hdl
    assert [r.shown() for r in (crp.range_for(None, 9), hdl.range_for("female", 400)) if r] == ["≤ 5", "≥ 1,3"]


def test_where_no_range_fits_nothing_is_flagged() -> None:
    hdl = codes.analyte("14646-4")
    assert hdl is not None
    assert hdl.range_for(None, 400) is None
    assert hdl.flag(0.1, None, 400) is None


def test_a_positive_dengue_test_is_abnormal() -> None:
    [ns1] = codes.analytes("24.183")
    assert ns1.choices == ("Âm tính", "Dương tính")
    assert ns1.flag("Dương tính", "male", 100) == "A"
    assert ns1.flag("Âm tính", "male", 100) is None


def test_every_panel_names_a_laboratory_service_and_known_analytes() -> None:
    found = 0
    for service in codes.services():
        for analyte in codes.analytes(service.code):
            found += 1
            assert service["kind"] == "laboratory"
            assert analyte.loinc and analyte.name
            assert bool(analyte.choices) != bool(analyte.ranges)
            assert analyte.ucum or analyte.choices
            for band in analyte.ranges:
                assert band.low is None or band.high is None or band.low < band.high
                assert band.critical_low is None or band.low is None or band.critical_low < band.low
                assert band.critical_high is None or band.high is None or band.critical_high > band.high
    assert found > 80


def test_a_pulse_is_judged_by_age() -> None:
    infant, adult = codes.vital_range("8867-4", 6), codes.vital_range("8867-4", 500)
    assert infant is not None and infant.flag(150) is None
    assert adult is not None and adult.flag(110) == "H" and adult.flag(140) == "HH"
    assert codes.vital_range("29463-7", 500) is None


def test_every_age_has_its_vital_ranges() -> None:
    for loinc in ("8867-4", "9279-1", "8310-5", "59408-5", "8480-6", "8462-4"):
        assert all(codes.vital_range(loinc, months) for months in range(1200))
    pressure = codes.vital_range("8480-6", 500)
    assert pressure is not None and pressure.flag(182) == "HH"
