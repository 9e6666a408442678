"""The ``lab3`` command."""
