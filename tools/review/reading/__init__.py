"""From a report's bytes to what it says: blocks, sentences, numbers, results, claims."""
