"""Everything that is bound into the sandbox, and nothing else: the untrusted end of the wire."""
