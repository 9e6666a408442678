"""What is right: the reference, its trials, inputs, and what mistakes look like."""
