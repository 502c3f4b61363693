"""What every screen shares: page shell, components, Vietnamese text, dates, money, codes, printing;
and how another system is asked.

Called by every department's `pages.py`; knows no hospital word and no record, only `core.fhir`.
Answers to WCAG 2.2 AA and to one rule: a nurse can do everything by keyboard, and without JavaScript.
"""
