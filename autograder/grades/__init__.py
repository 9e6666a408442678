"""The grades of a class: what is to be graded, what is stored of whom, and by what it was made."""
