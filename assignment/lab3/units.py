"""Numbers as they are told: accuracies in percent, sizes in decimal megabytes."""


def percent(fraction: float) -> str:
    """Return a fraction as a percentage with two decimals: 0.9396 gives ``93.96 %``."""
    return f"{100 * fraction:.2f} %"


def megabytes(size_bytes: int) -> str:
    """Return decimal megabytes with two decimals: 94398847 gives ``94.40 MB``."""
    return f"{size_bytes / 1e6:.2f} MB"
