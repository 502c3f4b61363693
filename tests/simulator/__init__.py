"""The simulator: what it makes must be plausible, well-formed, and nobody's."""
