"""The record of a stay or of an outpatient treatment: one form of the Ministry, filled in, closed, kept (ADR 29).

A record is a QuestionnaireResponse of its visit, pinned to the version of its form (`kept`); `life` says how it goes
from draft to archive, `sections` what of the form stands on a page, `entries` reads what was typed, `merging` keeps
two writers from overwriting each other, `checking` names what is missing, `clocks` what is late. Called by the
doctors of a department and by Phòng KHTH. Source: TT 32/2023/TT-BYT Đ51–52; TT 13/2025/TT-BYT; Luật KCB 15/2023 Đ69.
"""
