"""Native code of the hot path: C sources, their build, and the binding that calls them."""
