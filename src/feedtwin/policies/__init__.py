"""What the platform can be made to do differently: one folder per lever, one file per policy."""
