"""How long other autograders take over the same checks of the same submissions."""
