"""The v2.0 API, as the clients of old speak it: tenants for projects, one domain, endpoints in threes.

A face of the same nouns: every decision and every rule is v3's.
"""
