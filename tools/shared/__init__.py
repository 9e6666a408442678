"""What several commands share: options, the console, tables, and remedies."""
