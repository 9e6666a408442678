"""What submissions of different people have in common: signals for a human, never verdicts."""
