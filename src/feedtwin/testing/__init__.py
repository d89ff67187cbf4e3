"""Generated inputs and contract checks, for tests, benchmarks and authors of plug-ins; no run imports this."""
