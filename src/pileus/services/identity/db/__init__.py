"""Identity's tables, all `identity_…`, and the queries on them."""
