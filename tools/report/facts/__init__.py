"""What run logs say, side by side and summed up: plain data for tables, figures and words."""
