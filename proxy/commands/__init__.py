"""One module a command: `register(parser)` says what it takes, `run(args)` gives the exit code."""
