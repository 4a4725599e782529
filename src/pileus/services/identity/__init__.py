"""Identity: who asks, what they may stand for, and where everything is (Keystone's v3 API)."""
