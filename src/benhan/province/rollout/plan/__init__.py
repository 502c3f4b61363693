"""The project plan inside a facility: nine kinds of work, trainings, devices, forms by phase, and the go-live gate.

A facility's reporter keeps it, the Department reads it, its verifier looks at the work that the gate asks for. Made for
TT 13/2025/TT-BYT's move from paper, which names no plan: the list to begin with (`plan.toml`) is practice. Why: ADR 34.
"""
