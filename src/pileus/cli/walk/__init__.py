"""The steps of `pileus quickstart`, each one idempotent and through the public HTTP APIs only."""
