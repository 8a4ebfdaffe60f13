"""What ends a benchmark early."""


class BenchmarkError(Exception):
    """Nothing to report: a target did not come up, or what it answers must not be measured."""


class ToolMissingError(Exception):
    """A program the benchmark cannot do without is not installed; the message says how to get it."""
