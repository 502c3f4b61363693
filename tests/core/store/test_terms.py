"""Code systems and value sets in the store: what a value set holds, what lies below a code, who sees which."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.store import terms, terms_index
from benhan.core.store.terms_bind import member_of
from benhan.simulator import House
from tests.core.store.terms import BASE, code_system, concept, diseases, value_set

PLATFORM_LOADER = service(Role.LOADER, 0, "Nền tảng")


@pytest_asyncio.fixture
async def tx(database: Database, loader: Subject) -> AsyncIterator[Transaction]:
    """A transaction of the hospital that leaves nothing behind."""
    try:
        async with database.transaction(loader.facility) as transaction:
            yield transaction
            raise _DoneError
    except _DoneError:
        pass


class _DoneError(Exception):
    pass


async def _codes(tx: Transaction, who: Subject, name: str) -> list[str]:
    return [code for _system, code in await terms.codes_in(tx, who, f"{BASE}/ValueSet/{name}")]


async def test_a_code_subsumes_what_is_nested_in_it(tx: Transaction, loader: Subject) -> None:
    await store.create(tx, loader, diseases("cay"))
    url = f"{BASE}/CodeSystem/cay"
    assert await terms.below(tx, loader, url, "J18") == [(url, "J18"), (url, "J18.0"), (url, "J18.9")]
    assert await terms.above(tx, loader, url, "J18.9") == [(url, "J18.9"), (url, "J00-J99"), (url, "J18")]
    assert await terms.below(tx, loader, url, "J02.9") == [(url, "J02.9")]
    assert await terms.below(tx, loader, "urn:unknown", "x") == [("urn:unknown", "x")]


async def test_a_value_set_takes_listed_filtered_and_imported_codes_and_leaves_out_what_it_excludes(
    tx: Transaction, loader: Subject
) -> None:
    await store.create(tx, loader, diseases("gop"))
    url = f"{BASE}/CodeSystem/gop"
    inside = {"system": url, "filter": [{"property": "concept", "op": "descendent-of", "value": "J18"}]}
    await store.create(tx, loader, value_set("phoi", inside))
    await store.create(
        tx, loader, value_set("hai-ma", {"system": url, "concept": [{"code": "J18.9"}, {"code": "J02"}]})
    )
    await store.create(tx, loader, value_set("ca-hai", inside, {"valueSet": [f"{BASE}/ValueSet/hai-ma"]}))
    await store.create(
        tx, loader, value_set("chung", {"valueSet": [f"{BASE}/ValueSet/hai-ma", f"{BASE}/ValueSet/phoi"]})
    )
    await store.create(
        tx, loader, value_set("tru", {"system": url}, exclude=[{"valueSet": [f"{BASE}/ValueSet/ca-hai"]}])
    )
    assert await _codes(tx, loader, "phoi") == ["J18.0", "J18.9"]
    assert await _codes(tx, loader, "hai-ma") == ["J02", "J18.9"]
    assert await _codes(tx, loader, "ca-hai") == ["J02", "J18.0", "J18.9"]
    assert await _codes(tx, loader, "chung") == ["J18.9"]
    assert await _codes(tx, loader, "tru") == ["J00-J99", "J02.9", "J18", "J45"]


@pytest.mark.parametrize(
    ("chosen", "codes"),
    [
        ({"property": "concept", "op": "is-a", "value": "J02"}, ["J02", "J02.9"]),
        ({"property": "concept", "op": "is-not-a", "value": "J18"}, ["J00-J99", "J02", "J02.9", "J45"]),
        ({"property": "concept", "op": "generalizes", "value": "J02"}, ["J00-J99", "J02"]),
        ({"property": "code", "op": "regex", "value": r"J18\..*"}, ["J18.0", "J18.9"]),
        ({"property": "code", "op": "in", "value": "J45, J02"}, ["J02", "J45"]),
        ({"property": "everyday", "op": "=", "value": "true"}, ["J18.9"]),
        ({"property": "parent", "op": "=", "value": "J02"}, ["J02.9"]),
        ({"property": "inactive", "op": "exists", "value": "true"}, ["J45"]),
    ],
)
async def test_filters_choose_by_hierarchy_code_and_property(
    tx: Transaction, loader: Subject, chosen: dict[str, str], codes: list[str]
) -> None:
    await store.create(tx, loader, diseases("loc"))
    await store.create(tx, loader, value_set("loc", {"system": f"{BASE}/CodeSystem/loc", "filter": [chosen]}))
    assert await _codes(tx, loader, "loc") == codes


async def test_a_pattern_that_refers_back_and_a_value_set_that_imports_itself_are_refused(
    tx: Transaction, loader: Subject
) -> None:
    await store.create(tx, loader, diseases("xau"))
    back = {"property": "code", "op": "regex", "value": r"(a+)\1"}
    await store.create(tx, loader, value_set("nguoc", {"system": f"{BASE}/CodeSystem/xau", "filter": [back]}))
    await store.create(tx, loader, value_set("vong", {"valueSet": [f"{BASE}/ValueSet/vong"]}))
    with pytest.raises(Exception, match="tham chiếu ngược"):
        await _codes(tx, loader, "nguoc")
    with pytest.raises(Invalid, match="chính nó"):
        await _codes(tx, loader, "vong")
    with pytest.raises(NotFound):
        await _codes(tx, loader, "khong-co")


async def test_codes_of_a_system_that_is_not_here_count_when_they_are_listed(tx: Transaction, loader: Subject) -> None:
    listed = {"system": "urn:xa", "concept": [{"code": "a"}, {"code": "b"}]}
    await store.create(tx, loader, value_set("xa", listed, exclude=[{"system": "urn:xa", "concept": [{"code": "b"}]}]))
    await store.create(tx, loader, value_set("ca-xa", {"system": "urn:xa"}))
    assert await _codes(tx, loader, "xa") == ["a"]
    with pytest.raises(NotFound, match="urn:xa"):
        await _codes(tx, loader, "ca-xa")


async def test_concepts_follow_every_version_of_their_code_system(tx: Transaction, loader: Subject) -> None:
    before = await _rows(tx, loader)
    kept = await store.create(tx, loader, diseases("doi"))
    url = f"{BASE}/CodeSystem/doi"
    changed = msgspec.structs.replace(
        kept, concept=code_system("x", concept("J18", "a", concept("J18.7", "b"))).concept
    )
    await store.update(tx, loader, changed, if_match="1")
    assert await terms.below(tx, loader, url, "J18") == [(url, "J18"), (url, "J18.7")]
    program = msgspec.structs.replace(loader, roles=frozenset({Role.CLIENT}), scopes=parse_scopes("system/*.cruds"))
    await store.delete(tx, program, r4.CodeSystem, "doi")
    assert await terms.below(tx, loader, url, "J18") == [(url, "J18")]
    assert await _rows(tx, loader) == before


async def _rows(tx: Transaction, who: Subject) -> list[int]:
    """How many rows of the hospital each table has."""
    tables = ("code_system", "concept", "concept_word", "concept_title", "concept_above", "concept_property")
    return [await tx.fetchval(f"select count(*) from {one} where facility = $1", who.facility) for one in tables]


async def test_a_code_system_written_by_a_program_that_knew_no_concepts_is_found_and_indexed(
    tx: Transaction, loader: Subject
) -> None:
    await store.create(tx, loader, diseases("cu"))
    rid = await tx.fetchval("select rid from code_system where facility = $1 and id = 'cu'", loader.facility)
    await tx.execute("delete from concept where rid = $1", rid)
    await tx.execute("update code_system set resource_version = 0 where rid = $1", rid)
    assert await terms_index.behind(tx) == [loader.facility]
    assert await terms_index.catch_up(tx, loader) == 1
    assert await terms_index.catch_up(tx, loader) == 0
    url = f"{BASE}/CodeSystem/cu"
    assert len(await terms.below(tx, loader, url, "J18")) == 3


@pytest.mark.parametrize("second", ["a", "b"])
async def test_a_code_twice_and_a_hierarchy_in_a_circle_are_refused(
    tx: Transaction, loader: Subject, second: str
) -> None:
    wrong = code_system(
        "vong", concept("a", "A", properties={"parent": "b"}), concept(second, "B", properties={"parent": "a"})
    )
    with pytest.raises(Invalid, match=r"hai lần|csd-1|vòng tròn"):
        await store.create(tx, loader, wrong)


async def test_the_platform_is_read_by_all_a_hospital_by_itself_only(
    database: Database, loader: Subject, other_hospital: House
) -> None:
    stranger = service(Role.LOADER, other_hospital.key, "")
    async with database.transaction(0) as tx:
        await store.update(tx, PLATFORM_LOADER, diseases("nen-tang"), if_match=None)
    async with database.transaction(loader.facility) as tx:
        await store.update(tx, loader, diseases("rieng"), if_match=None)
        assert len(await terms.below(tx, loader, f"{BASE}/CodeSystem/nen-tang", "J18")) == 3
        assert len(await terms.below(tx, loader, f"{BASE}/CodeSystem/rieng", "J18")) == 3
    async with database.transaction(stranger.facility) as tx:
        assert len(await terms.below(tx, stranger, f"{BASE}/CodeSystem/nen-tang", "J18")) == 3
        assert len(await terms.below(tx, stranger, f"{BASE}/CodeSystem/rieng", "J18")) == 1
        assert await tx.fetchval("select count(*) from concept where facility = $1", loader.facility) == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await store.update(tx, PLATFORM_LOADER, diseases("chen-vao"), if_match=None)


async def test_the_hospitals_own_edition_goes_before_the_platforms(database: Database, loader: Subject) -> None:
    theirs = code_system("ca-hai-noi", concept("1", "nền tảng"), date="2026-01-01")
    mine = code_system("ca-hai-noi", concept("1", "bệnh viện", concept("1.1", "con")), date="2020-01-01")
    async with database.transaction(0) as tx:
        await store.update(tx, PLATFORM_LOADER, theirs, if_match=None)
    async with database.transaction(loader.facility) as tx:
        await store.update(tx, loader, mine, if_match=None)
        await store.update(
            tx, loader,
            value_set("noi", {"system": theirs.url, "filter": [{"property": "concept", "op": "is-a", "value": "1"}]}),
            if_match=None,
        )  # fmt: skip
        assert await _codes(tx, loader, "noi") == ["1", "1.1"]
        announced = msgspec.structs.replace(mine, id="bao-co", concept=None, content="not-present", date="2026-02-02")
        await store.update(tx, loader, announced, if_match=None)
        assert await _codes(tx, loader, "noi") == ["1", "1.1"]


async def test_what_a_check_needs_is_asked_beforehand(tx: Transaction, loader: Subject) -> None:
    url, system = f"{BASE}/ValueSet/rang-buoc", f"{BASE}/CodeSystem/rang-buoc"
    inside = {"system": system, "filter": [{"property": "concept", "op": "is-a", "value": "J18"}]}
    await store.create(tx, loader, diseases("rang-buoc"))
    await store.create(tx, loader, value_set("rang-buoc", inside, {"system": "urn:xa", "concept": [{"code": "a"}]}))
    good, other = r4.Coding(system=system, code="J18.9"), r4.Coding(system=system, code="J45")
    far, stranger = r4.Coding(system="urn:xa", code="a"), r4.Coding(system="urn:xa", code="b")
    record = r4.Condition(
        subject=r4.Reference(reference="Patient/x"), code=r4.CodeableConcept(coding=[other, good]),
        category=[r4.CodeableConcept(coding=[other]), r4.CodeableConcept(coding=[far, stranger])],
    )  # fmt: skip
    known = await member_of(tx, loader, [url, "urn:none"], record)
    assert [known(one, url) for one in (good, other, far, stranger)] == [True, False, True, False]
    assert known(record.code, url) is True
    assert known(good, "urn:none") is None
    assert known(r4.Coding(system=system, code="never asked"), url) is None
    bare = await member_of(tx, loader, [url], ["J18", "J45"])
    assert [bare(code, url) for code in ("J18", "J45")] == [True, False]


async def test_a_search_finds_records_below_a_code_and_in_a_value_set(tx: Transaction, loader: Subject) -> None:
    await store.create(tx, loader, diseases("tim"))
    system = f"{BASE}/CodeSystem/tim"
    await store.create(
        tx, loader, value_set("tim", {"system": system, "concept": [{"code": "J18.9"}, {"code": "J02"}]})
    )
    patient = await store.create(tx, loader, r4.Patient(name=[r4.HumanName(text="Người Có Mã")]))
    for code in ("J18", "J18.9", "J45"):
        said = r4.CodeableConcept(coding=[r4.Coding(system=system, code=code)])
        await store.create(tx, loader, r4.Condition(subject=store.reference(patient), code=said))

    async def found(**asked: str) -> list[str]:
        page = await store.search(tx, loader, r4.Condition, {"subject": f"Patient/{patient.id}", **asked})
        return sorted(one.code.coding[0].code or "" for one in page.resources if one.code and one.code.coding)

    assert await found(**{"code:below": f"{system}|J18"}) == ["J18", "J18.9"]
    assert await found(**{"code:in": f"{BASE}/ValueSet/tim"}) == ["J18.9"]
    assert await found(**{"code:not-in": f"{BASE}/ValueSet/tim"}) == ["J18", "J45"]
    assert await found(**{"code:above": f"{system}|J18.9"}) == ["J18", "J18.9"]
