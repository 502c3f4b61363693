"""Subscriptions: programs that are told when a record changes, by criteria (R4) or by topic (R5 Backport).

`registry` accepts them, `follower` finds their events in the change feed, `deliverer` and `socket` tell them; `letters`
is what an administrator sees of it. Called by `store.write` and `core.api.subscriptions`; docs/why/subscriptions.md.
"""
