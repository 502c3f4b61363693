"""Whose work a site is: the leader's all, an officer's those of her wards and provinces, a reporter's those named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from benhan.core.access import Permission, Role, Subject, staff
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden, Invalid, NotFound
from benhan.core.kit import codes
from benhan.core.language import _
from benhan.province.rollout.sites import Site

MOST: Final = 400
_READ: Final = (
    "select account, areas, sites from rollout_reach where facility = $1 and ($2::text is null or account = $2)"
)
_KEEP: Final = """
insert into rollout_reach (facility, account, areas, sites, changed_by) values ($1, $2, $3, $4, $5)
on conflict (facility, account) do update set areas = $3, sites = $4, changed = now(), changed_by = $5
"""


class Reach(msgspec.Struct, frozen=True):
    """Codes of wards and provinces, and ids of sites; everything for the leader."""

    areas: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    everywhere: bool = False

    def holds(self, site: Site) -> bool:
        """Whether a site is within it."""
        return self.everywhere or site.id in self.sites or bool({site.ward, site.province} & self.areas)


class Colleague(msgspec.Struct, frozen=True):
    """An officer or reporter, and her work."""

    id: str
    name: str
    roles: frozenset[Role]
    reach: Reach


async def reach_of(tx: Transaction, who: Subject) -> Reach:
    """What of the work is hers."""
    if who.may(Permission.ROLLOUT_LEAD):
        return Reach(everywhere=True)
    row = await tx.fetchrow(_READ, who.facility, who.account)
    areas = row["areas"] if row and Role.ROLLOUT_OFFICER in who.roles else []
    return Reach(frozenset(areas), frozenset(row["sites"] if row else []))


async def must_see(tx: Transaction, who: Subject, site: Site) -> None:
    """Refuse a reporter the sites of others, as if they were not there.

    Raises:
        NotFound: it is not hers to see.
    """
    if not who.may(Permission.ROLLOUT_OVERVIEW) and not (await reach_of(tx, who)).holds(site):
        raise NotFound(_("Sở không theo dõi cơ sở này."))


async def must_write(tx: Transaction, who: Subject, site: Site) -> None:
    """Refuse whoever may not report about a site.

    Raises:
        NotFound, Forbidden: it is not hers.
    """
    await must_see(tx, who, site)
    if not who.may(Permission.ROLLOUT_REPORT) or not (await reach_of(tx, who)).holds(site):
        raise Forbidden(
            _("Cơ sở này không thuộc phần việc của bạn."), advice=_("Hỏi lãnh đạo Sở, người phân công địa bàn.")
        )


async def colleagues(tx: Transaction, who: Subject) -> list[Colleague]:
    """The officers and reporters of the Department.

    Raises:
        Forbidden: the asker does not lead.
    """
    known = await staff.of_rollout(tx, who)
    rows = await tx.fetch(_READ, who.facility, None)
    found = {row["account"]: Reach(frozenset(row["areas"]), frozenset(row["sites"])) for row in rows}
    return [Colleague(id_, name, roles, found.get(id_, Reach())) for id_, name, roles in known]


async def share_out(
    tx: Transaction, who: Subject, account: str, areas: Sequence[str], facilities: Sequence[str]
) -> None:
    """Give somebody her work: wards and provinces by code, facilities by their code of 5 characters.

    Raises:
        Forbidden: the asker does not lead. Invalid: no such person, place or facility.
    """
    known = {one.id: one for one in await colleagues(tx, who)}
    if account not in known:
        raise Invalid(_("Chọn một người trong danh sách."), where="account")
    if len(areas) + len(facilities) > MOST:
        raise Invalid(_("Nhiều nhất %(n)s mã.", n=MOST), where="areas")
    for code in areas:
        if code not in codes.wards() and code not in codes.provinces():
            raise Invalid(_("Không có xã, phường hay tỉnh mang mã %(code)s.", code=code[:20]), where="areas")
    rows = await tx.fetch(
        "select id, code from rollout_site where facility = $1 and code = any($2)", who.facility, list(facilities)
    )
    if unknown := set(facilities) - {row["code"] for row in rows}:
        raise Invalid(_("Sở không theo dõi cơ sở mang mã %(code)s.", code=min(unknown)[:20]), where="sites")
    await tx.execute(_KEEP, who.facility, account, list(areas), [row["id"] for row in rows], who.account)
    tx.wrote = True
    detail = f"{known[account].name}: {' '.join([*areas, *facilities])}"
    record(tx, who, Event("rollout-share", "Account", account, rule="permission rollout-lead", detail=detail))
