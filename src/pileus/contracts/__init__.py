"""What a neighbour may ask: protocols and frozen structs without bodies."""
