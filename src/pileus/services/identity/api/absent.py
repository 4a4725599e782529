"""What Keystone has and Pileus does not yet: answered with 501, and listed as such in the compatibility page."""

from pileus.kernel.rest import Operation, absent

_PATHS = """
/v3/OS-EP-FILTER/endpoint_groups GET POST
/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id} DELETE GET PATCH
/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/endpoints GET
/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects GET
/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id} DELETE GET PUT
/v3/OS-EP-FILTER/endpoints/{endpoint_id}/projects GET
/v3/OS-EP-FILTER/projects/{project_id}/endpoint_groups GET
/v3/OS-EP-FILTER/projects/{project_id}/endpoints GET
/v3/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id} DELETE PUT
/v3/OS-FEDERATION/domains GET
/v3/OS-FEDERATION/identity_providers GET
/v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id} DELETE GET PATCH PUT
/v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/auth GET
/v3/OS-FEDERATION/identity_providers/{id} DELETE GET PATCH PUT
/v3/OS-FEDERATION/identity_providers/{id}/protocols GET
/v3/OS-FEDERATION/mappings GET
/v3/OS-FEDERATION/mappings/{id} DELETE GET PATCH PUT
/v3/OS-FEDERATION/projects GET
/v3/OS-FEDERATION/saml2/metadata GET
/v3/OS-FEDERATION/service_providers GET
/v3/OS-FEDERATION/service_providers/{id} DELETE GET PATCH PUT
/v3/OS-OAUTH1/access_token POST
/v3/OS-OAUTH1/authorize/{request_token_id} PUT
/v3/OS-OAUTH1/consumers GET POST
/v3/OS-OAUTH1/consumers/{consumer_id} DELETE GET PATCH
/v3/OS-OAUTH1/request_token POST
/v3/OS-OAUTH2/token POST
/v3/OS-REVOKE/events GET
/v3/OS-SIMPLE-CERT/ca GET
/v3/OS-SIMPLE-CERT/certificates GET
/v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocol/{protocol_id}/websso GET
/v3/auth/OS-FEDERATION/saml2 POST
/v3/auth/OS-FEDERATION/saml2/ecp POST
/v3/auth/OS-FEDERATION/websso/{protocol_id} GET
/v3/credentials GET POST
/v3/credentials/{credential_id} DELETE GET PATCH
/v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy GET
/v3/limits GET POST
/v3/limits/model GET
/v3/limits/{limit_id} DELETE GET PATCH
/v3/policies GET POST
/v3/policies/{policy_id} DELETE GET PATCH
/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints GET
/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints/{endpoint_id} DELETE GET PUT
/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/policy GET
/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id} DELETE GET PUT
/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}/regions/{region_id} DELETE GET PUT
/v3/registered_limits GET POST
/v3/registered_limits/{registered_limit_id} DELETE GET PATCH
/v3/users/{user_id}/OS-OAUTH1/access_tokens GET
/v3/users/{user_id}/OS-OAUTH1/access_tokens/{access_token_id} DELETE GET
/v3/users/{user_id}/OS-OAUTH1/access_tokens/{access_token_id}/roles GET
/v3/users/{user_id}/OS-OAUTH1/access_tokens/{access_token_id}/roles/{role_id} GET
/v3/users/{user_id}/access_rules GET
/v3/users/{user_id}/access_rules/{access_rule_id} DELETE GET
"""
"""Each line a path and its methods."""


def _read(text: str) -> list[Operation]:
    lines = [line.split() for line in text.strip().splitlines()]
    return [absent(method, path) for path, *methods in lines for method in methods]


ABSENT = _read(_PATHS)
