"""Who may come with what: the people of a seed, sorted by age, sex and long illness, in a few bytes each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import date
from random import Random

from benhan.simulator.diseases import Disease
from benhan.simulator.people import Person, person


class Population:
    """`size` people of a seed on a day. Holds six bytes a person, and the lists that were asked for."""

    def __init__(self, seed: int, size: int, today: date) -> None:
        self.seed, self.size, self.today = seed, size, today
        self._ages = array("B")
        self._women = array("B")
        self._ill: dict[str, array[int]] = {}
        self._pools: dict[tuple[tuple[int, int], str], array[int]] = {}
        for number in range(size):
            one = person(seed, number, today)
            self._ages.append(one.age(today))
            self._women.append(one.gender == "female")
            for code in one.long_illnesses:
                self._ill.setdefault(code, array("I")).append(number)

    def __getitem__(self, number: int) -> Person:
        return person(self.seed, number, self.today)

    def somebody(self, chance: Random, disease: Disease, taken: set[int]) -> Person | None:
        """A person who may have this disease and is not among those taken; None where that is hard to find."""
        pool = self._pool(disease)
        for _ in range(8 if pool else 0):
            number = pool[chance.randrange(len(pool))]
            if number not in taken:
                taken.add(number)
                return self[number]
        return None

    def _pool(self, disease: Disease) -> array[int]:
        known = self._ill.get(disease.code, array("I"))
        if disease.long and len(known) > 20:
            return known
        key = (disease.ages, disease.sex)
        if key not in self._pools:
            self._pools[key] = array("I", self._fitting(disease))
        return self._pools[key]

    def _fitting(self, disease: Disease) -> Iterable[int]:
        for number, age in enumerate(self._ages):
            if disease.fits(age, "female" if self._women[number] else "male"):
                yield number
