"""The rollout tracker of a Department of Health: which facility has gone paperless, which is late, with what evidence.

Used by the Department's leader, officers with an area, verifiers, and reporters of facilities. Answers to TT
13/2025/TT-BYT, QĐ 586/2026, QĐ 965/2026. Facilities are followed whether they run Benhan or not; the words are
`words.toml`, the way from "not started" to "stable" and what each step needs is `stages.toml`; why so: docs/adr/0033.
"""
