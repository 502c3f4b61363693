"""The board in the entrance hall, and the same on the phone: address, opening hours, news and announcements.

Called by the patient's app and by the planning office. Source: Law 15/2023 art. 9, 13 (patients are told where, when,
by whom and at what price they are treated).
"""
