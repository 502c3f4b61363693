"""What somebody tries who should get nothing: each is refused in the right words of OAuth, and leaves a trace.

The tables are read like this: what is tried → what is sent, the error that must come back. `test_how_many.py` counts
them.
"""
