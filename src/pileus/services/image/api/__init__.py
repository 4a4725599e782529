"""Image over HTTP: the Image API, version 2."""
