"""Reception: bookings, the desk that receives people, the queue, and the displays of the waiting hall.

Called by the desk, by the public booking page and by everybody who calls people into a room.
Law: QĐ 1313/QĐ-BYT (steps of an outpatient visit); Law 15/2023 art. 3 (priority); CV 1923/BHXH-CNTT (card checks).
"""
