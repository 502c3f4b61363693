"""Consultation at a distance: what patients ask for, the desk that answers, the room in which both meet by video.

Called by the patient's app and by doctors; the visit itself is the clinic's, like any other. Source: Law 15/2023
art. 80; NĐ 96/2023/NĐ-CP art. 87; TT 30/2023/TT-BYT (`hospital/remote_conditions.py`).
"""
