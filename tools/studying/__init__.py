"""What a student's work has reached: checked, counted and packed, without a command line."""
