"""From run logs to tables and figures; nothing here imports torch."""
