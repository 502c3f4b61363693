"""The hospital that keeps the record: one folder, one department. `visit.py` holds the words they share.

Departments never import each other; they meet in resources and on the change feed.
"""
