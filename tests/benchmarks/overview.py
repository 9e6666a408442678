"""The overview of a class: seconds and bytes of the page, for 200 and 1,000 students.

Example:

    python -W ignore -m tests.benchmarks.overview
"""

import time
import tracemalloc
from datetime import UTC, datetime

from lab3.units import megabytes
from tests.making.overviews import overview_of

for count in (200, 1000):
    overview = overview_of(count)
    tracemalloc.start()
    begin = time.perf_counter()
    page = overview.page(datetime.now(UTC))
    seconds = time.perf_counter() - begin
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"{count:,} students: {seconds:.2f} s, a page of {megabytes(len(page.encode()))}, "
        f"{megabytes(most)} of memory"
    )
