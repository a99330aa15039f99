"""Values in, values out: the ground floor. No I/O, no clock, no framework."""
