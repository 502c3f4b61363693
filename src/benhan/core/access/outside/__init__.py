"""Signing in with an account that somebody has elsewhere, at an OpenID Connect provider that the operator trusts.

The provider says who she is there; which account that is here, only a link says, which she made herself. Everything
else (stopped, hours, roles, second factor, sessions) is as with a password. Source: OpenID Connect Core 1.0, Discovery
1.0; RFC 7636 (PKCE), RFC 9207 (issuer in the answer), RFC 9700 (best practice); OWASP ASVS 5.0 chapter 10.
"""
