"""What a search needs to know before it runs: codes of a value set, of a branch of a code system, ids in a List, the
key that identifiers are hashed with.
"""

from __future__ import annotations

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Gone, Malformed, NotFound
from benhan.core.language import _
from benhan.core.store import terms
from benhan.core.store.query import Query
from benhan.core.store.query.combined import Ids
from benhan.core.store.query.kinds import Pending
from benhan.core.store.read import read
from benhan.core.store.rows import hash64
from benhan.core.vault import Keys, keys_of
from benhan.core.vault.keyring import keyed

#: Codes that one condition may stand for.
MOST_CODES = 20_000


async def settle(tx: Transaction, who: Subject, query: Query) -> None:
    """Ask, and fill in what was found.

    Raises:
        Malformed: a value set or List that is not there, a code without its system, too many codes; Forbidden.
    """
    for one in query.pending:
        if one.kind == "keyed":
            _key(await keys_of(tx, who.facility), query, one)
            continue
        if isinstance(one.into, Ids):
            one.into.ids = await _listed(tx, who, one)
            continue
        codes = await _codes(tx, who, one)
        one.into.hashes = sorted({*one.into.hashes, *(hash64(f"{system}|{code}") for system, code in codes)})


def _key(keys: Keys, query: Query, one: Pending) -> None:
    """The keyed hashes in the place of the plain ones, in what is looked for and in what the trace says.

    While there are records that were not indexed again since the key was made, they are looked for by the others too.
    """
    if not keys.index or isinstance(one.into, Ids):
        return
    asked = ((key, text) for key in (keys.index, *keys.others) for text in one.texts)
    hashes = [keyed(key, text) if key and not text.endswith("|") else hash64(text) for key, text in asked]
    one.into.hashes = list(dict.fromkeys(hashes))
    query.text = query.text.replace(f"={one.argument}", f"=#{keyed(keys.index, one.argument) & (2**64 - 1):016x}")


async def _listed(tx: Transaction, who: Subject, one: Pending) -> list[str]:
    try:
        kept = await read(tx, who, r4.List, one.argument)
    except (NotFound, Gone):
        raise Malformed(_("Không có danh sách List/%(id)s.", id=one.argument[:64]), where="_list") from None
    targets = [entry.item.reference or "" for entry in kept.entry or [] if entry.item and not entry.deleted]
    return [target.removeprefix(f"{one.type}/") for target in targets if target.startswith(f"{one.type}/")]


async def _codes(tx: Transaction, who: Subject, one: Pending) -> list[tuple[str, str]]:
    if one.kind == "in":
        try:
            found = await terms.codes_in(tx, who, one.argument)
        except NotFound as problem:
            raise Malformed(problem.message, where=":in", advice=problem.advice) from None
    else:
        system, bar, code = one.argument.partition("|")
        if not bar or not system or not code:
            raise Malformed(_(":%(modifier)s cần dạng hệ|mã.", modifier=one.kind), where=f":{one.kind}")
        found = await (terms.below if one.kind == "below" else terms.above)(tx, who, system, code)
    if len(found) > MOST_CODES:
        raise Malformed(_("Bộ giá trị có hơn %(n)s mã.", n=MOST_CODES), where=f":{one.kind}", code="too-costly")
    return found
