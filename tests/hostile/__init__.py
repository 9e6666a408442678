"""Hostile submissions, graded for real: none gains a point, does harm or learns a secret.

What is tried here is harmless should it succeed: a wall is asked with arguments that change
nothing, bombs are small, and signals to other processes are the null signal. Where walls are taken
down, to see that it is they that stop an attack, it is made on a computer that is thrown away.
"""
