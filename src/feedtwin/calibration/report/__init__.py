"""Is a preset to be believed? Bands, sensitivity, signs and claims by rule; whoever simulates the worlds."""
