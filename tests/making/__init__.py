"""What tests are made of. PyTorch is needed by ``networks`` and ``honest`` alone, not by texts."""
