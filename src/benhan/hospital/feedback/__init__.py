"""What patients say of the house: praise, complaints and ideas, by place and topic; the board that answers them.

Called by the patient's app; answered by the planning office. Source: Law 15/2023 art. 14 (patients may make proposals).
"""
