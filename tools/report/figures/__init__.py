"""The figures of the report, each with a text that says what it shows in numbers."""
