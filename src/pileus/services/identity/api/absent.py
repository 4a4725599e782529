"""What Keystone has and Pileus does not yet: answered with 501, and listed as such in the compatibility page."""

from pileus.kernel.rest import Operation, absent

_PATHS = """
/v3/OS-FEDERATION/saml2/metadata GET
/v3/OS-OAUTH1/access_token POST
/v3/OS-OAUTH1/authorize/{request_token_id} PUT
/v3/OS-OAUTH1/consumers GET POST
/v3/OS-OAUTH1/consumers/{consumer_id} DELETE GET PATCH
/v3/OS-OAUTH1/request_token POST
/v3/OS-OAUTH2/token POST
/v3/OS-REVOKE/events GET
/v3/OS-SIMPLE-CERT/ca GET
/v3/OS-SIMPLE-CERT/certificates GET
/v3/auth/OS-FEDERATION/saml2 POST
/v3/auth/OS-FEDERATION/saml2/ecp POST
/v3/credentials GET POST
/v3/credentials/{credential_id} DELETE GET PATCH
/v3/users/{user_id}/OS-OAUTH1/access_tokens GET
/v3/users/{user_id}/OS-OAUTH1/access_tokens/{access_token_id} DELETE GET
/v3/users/{user_id}/OS-OAUTH1/access_tokens/{access_token_id}/roles GET
/v3/users/{user_id}/OS-OAUTH1/access_tokens/{access_token_id}/roles/{role_id} GET
"""
"""Each line a path and its methods."""


def _read(text: str) -> list[Operation]:
    lines = [line.split() for line in text.strip().splitlines()]
    return [absent(method, path) for path, *methods in lines for method in methods]


ABSENT = _read(_PATHS)
