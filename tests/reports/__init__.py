"""Reports of this lab, right and wrong, each with the findings that a review must give."""
