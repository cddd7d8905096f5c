"""One module a command: `register(parser)` says what it takes, `run(args)` does it and gives the exit code."""
