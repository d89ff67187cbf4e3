"""The shared vocabulary: the only thing the twins have in common."""
