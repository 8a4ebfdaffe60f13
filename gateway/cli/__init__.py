"""The `sizewise` command: one file for each group of commands."""
