"""A TOML recipe in, a data set or a trained model out: every number of a run in one file."""
