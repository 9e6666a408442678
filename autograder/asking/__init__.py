"""One submission's checks: run as pytest's tests, on what its code answers, to a verdict each."""
