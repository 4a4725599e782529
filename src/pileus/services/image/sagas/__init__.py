"""Long work of image that ends."""
