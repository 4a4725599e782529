"""A module per noun. Each has `OPERATIONS`: (method, `/kind?subresource`) -> (handle, summary)."""
