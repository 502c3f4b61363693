"""The patient's rights at the hospital."""
