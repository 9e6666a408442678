"""What tests are made of. Only ``networks`` and ``honest`` need PyTorch: texts need none."""
