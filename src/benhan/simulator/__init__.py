"""A hospital that never was: the seeded simulator behind `benhan demo`, the benches and the tests.

It writes only through `core.store.load`, so its records pass the same checks as everybody's. The same seed and day
give the same records. No number in it can be a living person's: `docs/why/demo-data.md` says how.
"""

from benhan.simulator.fill import Filled, fill, fill_province
from benhan.simulator.house import House, build_house, build_province

__all__ = ["Filled", "House", "build_house", "build_province", "fill", "fill_province"]
