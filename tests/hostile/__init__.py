"""Hostile submissions, graded for real: none gains a point, does harm or learns a secret.

What is tried here is harmless should it succeed: a wall is asked with arguments that change
nothing, bombs are small, and signals to other processes are the null signal.
"""
