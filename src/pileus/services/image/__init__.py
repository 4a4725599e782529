"""Images: what servers and volumes are made from."""
