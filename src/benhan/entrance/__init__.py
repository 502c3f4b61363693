"""The entrance: sign in and out, the first page of each role, what the machine room asks (live stream, health).

Everybody passes here; it knows core only. Source: OWASP ASVS 5.0 chapters 6 and 7.
"""
