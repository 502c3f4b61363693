"""What `benhan doors` does: the table that `doors.md` keeps."""


def doors() -> None:
    """Which door lets in which role, as the program has it now; it starts only where that is what was reviewed."""
    from benhan.app import PLAIN_PATHS, published
    from benhan.core.access import door_table

    print(door_table.drawn(published(), PLAIN_PATHS), end="")
