"""Lab 3: INT8 quantization of a ResNet with power-of-two scales.

Complete the stubs in ``resnet.py`` and ``observer.py``; everything else is given.
"""

STUDENT_FILES = ("resnet.py", "observer.py")  # what a student writes; the rest is given
