"""A command line that trains a small network on images that are always there."""

from tests.conftest import SOLUTION

SMALL = ("--dataset", "digits", "--width", "4", "--batch-size", "32", "--code", SOLUTION)
