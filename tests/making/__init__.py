"""What tests are made of. Only ``networks`` needs PyTorch: texts are tested without."""
