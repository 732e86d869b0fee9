"""How the numbers in `qa` were found: fitted on question sets, never on those that measure it."""
