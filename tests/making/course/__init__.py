"""A class as real ones are, in whatever its LMSs give, with what every grade has to be."""
