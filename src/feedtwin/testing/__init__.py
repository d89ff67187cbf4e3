"""Generated inputs for tests and benchmarks. No part of a run imports this."""
