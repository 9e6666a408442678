"""The gradebook of a course: nbgrader's, which formgrader and ``nbgrader export`` read as well."""
