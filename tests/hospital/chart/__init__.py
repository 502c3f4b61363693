"""The archive on its screens."""
