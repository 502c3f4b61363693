"""core/signing."""
