"""What `pileus doctor` looks at. Every check is `def (patient) -> list[Finding]` and changes nothing."""
