"""The INT8 network as hardware without multipliers for scales would run it, and its proof."""
