"""What Dask workers load first whose grading processes are to be scripted."""

from autograder.batch import server
from tests.making.scripted import BOOTSTRAP

server.BOOTSTRAP = BOOTSTRAP
