"""What tests are made of; imports no torch."""
