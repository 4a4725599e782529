"""The faces of the object store: one room per dialect, `swift` and `s3`."""
