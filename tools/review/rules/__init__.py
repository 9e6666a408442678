"""What a review can find: a module for each subject, which yields its findings."""
