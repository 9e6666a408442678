"""Claims about a submission: each test states one, in the first line of its docstring.

The tests get a ``client`` (asks the student's code), ``inputs`` (public or hidden ones) and
``evidence`` (collects what they see). Points and visibility are in ``rubric.toml``.
"""
