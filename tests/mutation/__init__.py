"""Random edits of the solution, each judged twice: by the grader and by an oracle.

``edits`` and ``spellings`` change the solution's syntax tree and ``mutants`` draws from them.
``oracle`` tries the lab's contract on a mutant in plain PyTorch, and knows nothing of the grader;
``judges`` runs it in forked processes. ``comparison`` says where a grade and the contract differ.
"""
