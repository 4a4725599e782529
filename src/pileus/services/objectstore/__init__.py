"""Objects: Swift's API and S3's over one model of accounts, containers, objects and versions."""
