"""The trusted end of the wire: walls, workers, and checked answers."""
