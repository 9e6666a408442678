"""Texts that were written without sight of the rules, with the faults that they hold."""
