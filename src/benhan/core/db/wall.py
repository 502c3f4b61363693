"""The second wall, row-level security: what of it a role could step around.

PostgreSQL asks no policy of a superuser, of a role with BYPASSRLS, or (without FORCE) of a table's owner; whoever may
become one of these (SET ROLE), who replicates, and who reads files of the server needs none. TRUNCATE asks no policy
either, a trigger or a function in our schema runs for whoever comes by, a foreign key tells whether a row is there.
A process that connects as such a role, or to tables that stand open, does not serve (`Database.connect`).
PostgreSQL 18: 5.9 Row Security Policies, 21 Database Roles, 22.2 Role Membership.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg

#: Tables that name a facility and are read by everybody: sums without names (0002_figures).
OPEN_TABLES: Final = ("figure",)

#: Every role that the one who connected is or may become: what SET ROLE and RESET ROLE reach.
_ROLES = """
select case when r.rolname = session_user then r.rolname else session_user || ' → ' || r.rolname end as role,
       concat_ws(', ',
           case when r.rolsuper then 'superuser' end, case when r.rolbypassrls then 'bypassrls' end,
           case when r.rolreplication then 'replication' end, case when r.rolcreaterole then 'createrole' end,
           case when r.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
               then 'the files of the server' end,
           case when exists (select from pg_class c where c.relowner = r.oid and c.relnamespace = n.oid)
                  or exists (select from pg_proc p where p.proowner = r.oid and p.pronamespace = n.oid)
                  or n.nspowner = r.oid or d.datdba = r.oid then 'owner' end) as reasons
from pg_roles r, pg_namespace n, pg_database d
where n.nspname = 'public' and d.datname = current_database() and pg_has_role(session_user, r.oid, 'member')
order by r.rolname <> session_user, not r.rolsuper, r.rolname
"""
#: What it may do beside reading and writing rows.
_GRANTS = """
select session_user || ': ' || string_agg(distinct lower(may), ', ') as hole
from unnest(array['TRUNCATE', 'TRIGGER', 'REFERENCES']) may, pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attname = 'facility'
  and has_table_privilege(session_user, c.oid, may)
having count(*) > 0
union all select session_user || ': create in schema public'
where has_schema_privilege(session_user, 'public', 'create')
"""
_TABLES = """
select c.relname || ': no forced row-level security' as hole from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attname = 'facility'
  and c.relname <> all($1::text[]) and not (c.relrowsecurity and c.relforcerowsecurity)
order by c.relname
"""


class WallOpen(Exception):  # noqa: N818 - what it is
    """The database would not keep one facility's rows from another's; the message says why."""


async def hole(ask: Callable[..., Awaitable[Sequence[asyncpg.Record]]]) -> str | None:
    """Why this process must not serve; None: the wall holds.

    Of a role that is or becomes somebody the wall does not hold, the first such is named.
    """
    for row in await ask(_ROLES):
        if row["reasons"]:
            return f"{row['role']}: {row['reasons']}"
    found: list[Any] = [*await ask(_GRANTS), *await ask(_TABLES, list(OPEN_TABLES))]
    return found[0]["hole"] if found else None


__all__ = ["OPEN_TABLES", "WallOpen", "hole"]
