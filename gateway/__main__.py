"""`python -m gateway` is the `sizewise` command."""

from gateway.cli.main import main

main()
