"""What leaves a course: marks for gradebooks and LMSs, and feedback in an LMS's own naming."""
