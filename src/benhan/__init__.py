"""Benhan: the open medical record platform for Vietnam (bệnh án = medical record)."""
