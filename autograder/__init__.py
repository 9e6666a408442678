"""The autograder: claims checked in a trusted process, student code in a sandbox."""
