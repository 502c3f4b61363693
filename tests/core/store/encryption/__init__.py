"""People and labelled records lie encrypted, are read and found as ever, and open only in the row they stand in."""
