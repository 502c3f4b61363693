"""Figures of the population: visits, bookings, diagnoses, waiting times, counted live from the change feed.

`follower` counts, `figures` answers, `pages` and `sheets` show; the rules (facts, small counts, quantiles) are pure.
The province needs numbers, not people (Luật 91/2025/QH15, NĐ 356/2025: no personal data beyond the purpose).
"""
