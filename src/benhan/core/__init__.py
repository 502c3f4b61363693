"""What every department stands on. Knows no hospital word; imports nothing of hospital, patient or province."""
