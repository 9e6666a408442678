"""The contract of ``run.jsonl``: what its lines say, and how they are written and read."""
