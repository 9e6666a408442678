"""Sources with markers, good ones and faulty ones, and a copy of the kit to derive from."""

import shutil
from pathlib import Path

from tests.conftest import ROOT

GOOD = """\
def double(number):
    \"\"\"Return twice the number.\"\"\"
    ### BEGIN SOLUTION part 1
    return number + number
    ### END SOLUTION


def half(number):
    if number:
        ### BEGIN SOLUTION part 2
        return number / 2
        ### END SOLUTION
    return 0
"""
STUBS = """\
def double(number):
    \"\"\"Return twice the number.\"\"\"
    raise NotImplementedError("double: part 1 of the handout")


def half(number):
    if number:
        raise NotImplementedError("half: part 2 of the handout")
    return 0
"""

# The first column marks the lines at fault; the source begins in the third.
FAULTS = {
    "nested BEGIN": """\
  def double(number):
      ### BEGIN SOLUTION part 1
>     ### BEGIN SOLUTION part 1
      return number + number
      ### END SOLUTION
""",
    "orphan END": """\
  def double(number):
      return number + number
>     ### END SOLUTION
""",
    "second END": """\
  def double(number):
      ### BEGIN SOLUTION part 1
      return number + number
      ### END SOLUTION
>     ### END SOLUTION
""",
    "missing END": """\
  def double(number):
>     ### BEGIN SOLUTION part 1
      return number + number
""",
    "at module level": """\
  def double(number):
      return number + number


> ### BEGIN SOLUTION part 1
  FACTOR = 2
  ### END SOLUTION
""",
    "around a function": """\
> ### BEGIN SOLUTION part 1
  def double(number):
      return number + number
  ### END SOLUTION
""",
    "in a class body": """\
  class Doubler:
>     ### BEGIN SOLUTION part 1
      factor = 2
      ### END SOLUTION

      def __call__(self, number):
          return self.factor * number
""",
    "in a class body inside a function": """\
  def doubler():
      class Doubler:
>         ### BEGIN SOLUTION part 1
          factor = 2
          ### END SOLUTION

      return Doubler
""",
    "spanning two functions": """\
  def double(number):
>     ### BEGIN SOLUTION part 1
      return number + number


  def half(number):
      return number / 2
      ### END SOLUTION
""",
    "spanning two methods": """\
  class Numbers:
      def double(self, number):
>         ### BEGIN SOLUTION part 1
          return number + number

      def half(self, number):
          return number / 2
          ### END SOLUTION
""",
    "nothing inside": """\
  def double(number):
>     ### BEGIN SOLUTION part 1
      ### END SOLUTION
      return number + number
""",
    "no region": """\
> def double(number):
      return number + number
""",
    "empty file": """\
>
""",
    "syntax error": """\
  def double(number):
      ### BEGIN SOLUTION part 1
>     return = number
      ### END SOLUTION
""",
    "five in one file": """\
  def double(number):
>     ### END SOLUTION
      ### BEGIN SOLUTION part 1
>     ### BEGIN SOLUTION part 2
      return number + number
      ### END SOLUTION


> ### BEGIN SOLUTION part 1
  FACTOR = 2
  ### END SOLUTION
> ### begin solution part 1
> ### BEGIN SOLUTION part 1
""",
}
MISSPELT = {
    "lower case": ("### begin solution part 1", "### end solution"),
    "no part": ("### BEGIN SOLUTION", None),
    "a part in words": ("### BEGIN SOLUTION part one", None),
    "two hashes": ("## BEGIN SOLUTION part 1", "## END SOLUTION"),
    "no space": ("###BEGIN SOLUTION part 1", "###END SOLUTION"),
    "two spaces": ("### BEGIN  SOLUTION part 1", "### END  SOLUTION"),
    "a space at the end": ("### BEGIN SOLUTION part 1 ", "### END SOLUTION "),
    "words behind it": ("### BEGIN SOLUTION part 1: doubling", "### END SOLUTION of double"),
    "behind code": ("pass  ### BEGIN SOLUTION part 1", "pass  ### END SOLUTION"),
    "plural": ("### BEGIN SOLUTIONS part 1", "### END SOLUTIONS"),
    "words swapped": ("### SOLUTION BEGIN part 1", "### SOLUTION END"),
}
NOT_A_STATEMENT = {
    "parameters": """\
  def double(
>     ### BEGIN SOLUTION part 1
      number,
      ### END SOLUTION
  ):
      return number + number
""",
    "a list": """\
  def double(number):
      return sum([
>         ### BEGIN SOLUTION part 1
          number, number,
          ### END SOLUTION
      ])
""",
    "a docstring": """\
  def double(number):
      \"\"\"Return twice the number.

>     ### BEGIN SOLUTION part 1
      That is the number added to itself.
      ### END SOLUTION
      \"\"\"
      return number + number
""",
    "markers indented less than their code": """\
  def double(number):
> ### BEGIN SOLUTION part 1
      return number + number
  ### END SOLUTION
""",
}


def source_and_faults(marked: str) -> tuple[str, list[int]]:
    """Return a source without its two marking columns, and the numbers of the marked lines."""
    lines = marked.splitlines()
    faults = [number for number, line in enumerate(lines, 1) if line.startswith(">")]
    return "".join(line[2:] + "\n" for line in lines), faults


def copy_of_the_kit(root: Path) -> Path:
    left_out = shutil.ignore_patterns("__pycache__", "runs", "data")
    for part in ("solution", "assignment"):
        shutil.copytree(ROOT / part, root / part, ignore=left_out)
    return root
