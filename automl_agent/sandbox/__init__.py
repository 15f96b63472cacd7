"""Where generated code runs: a contract, a worker, and one file per tier of containment."""
