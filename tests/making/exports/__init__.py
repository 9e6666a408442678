"""What LMSs give for a class, written by their own rules."""

from tests.making.exports.kinds import KINDS, HandedIn, tree, write
from tests.making.exports.listing import listing_of

__all__ = ["KINDS", "HandedIn", "listing_of", "tree", "write"]
