"""The pure core: values and functions. No I/O, clock, dice or framework; time and health come in as arguments.

Values are frozen `msgspec.Struct`s: immutable and typed like frozen dataclasses, a tenth of the cost to build
(docs/decisions/002-domain-values.md).
"""
