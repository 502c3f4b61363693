"""The legal record: which record files are handed to the archive, and taken out again.

Called by the planning office (Phòng KHTH). Source: Luật KCB 15/2023 Đ69; TT 33/2025/TT-BYT. The Ministry's forms are
there (`forms/`), a record of a visit is filled in, closed and printed by them (`records/`, ADR 29); archive numbers,
borrowing and keeping times are not built.
"""
