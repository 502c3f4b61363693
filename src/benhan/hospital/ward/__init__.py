"""The ward: beds, who lies in them, how people come, move, leave; vital signs and their scores; the daily sheet.

Called by nurses and doctors (`/noi-tru`), and by the administrator for rooms and beds. Source: Luật KCB 15/2023 Đ69;
TT 32/2023/TT-BYT (36, 39, 43, 44/BV2); HL7 v2 table 0116; Royal College of Physicians, NEWS2 (2017).
"""
