"""Where a grading process begins: whoever starts it needs nothing of what grading needs."""

from multiprocessing.connection import Connection

from autograder.batch.items import Task


def enter(connection: Connection, task: Task) -> None:
    """Serve a connection until there is nothing more to grade."""
    from autograder.batch.process import serve

    serve(connection, task)
