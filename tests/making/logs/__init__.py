"""Run logs: their records, whole folders of runs, and certificates of integer networks."""
