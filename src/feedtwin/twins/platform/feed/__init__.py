"""What a request is shown: pools as rings, candidates, scores, the race for slots, and what is learned from it."""
