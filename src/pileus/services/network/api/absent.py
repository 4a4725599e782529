"""What Neutron can be given and Pileus does not have yet: 404, as of a Neutron without these extensions, and listed as absent."""

from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import NotFound

_PATHS = """
/v1.0/sfc/flow-classifiers/{flow_classifier_id} DELETE
/v1.0/sfc/flow_classifiers GET POST
/v1.0/sfc/flow_classifiers/{flow_classifier_id} GET PUT
/v1.0/sfc/port-chains/{port_chain_id} DELETE
/v1.0/sfc/port-pair-groups/{port_pair_group_id} DELETE
/v1.0/sfc/port-pairs/{port_pair_id} DELETE
/v1.0/sfc/port_chains GET POST
/v1.0/sfc/port_chains/{port_chain_id} GET PUT
/v1.0/sfc/port_pair_groups GET POST
/v1.0/sfc/port_pair_groups/{port_pair_group_id} GET PUT
/v1.0/sfc/port_pairs GET POST
/v1.0/sfc/port_pairs/{port_pair_id} GET PUT
/v1.0/sfc/service_graphs GET POST
/v1.0/sfc/service_graphs/{sfc_service_graph_id_path} DELETE GET PUT
/v2.0/address-groups GET POST
/v2.0/address-groups/{address_group_id} DELETE GET PUT
/v2.0/address-groups/{address_group_id}/add_addresses PUT
/v2.0/address-groups/{address_group_id}/remove_addresses PUT
/v2.0/address-scopes GET POST
/v2.0/address-scopes/{address_scope_id} DELETE GET PUT
/v2.0/agents/{bgp_agent_id}/bgp-drinstances GET POST
/v2.0/agents/{bgp_agent_id}/bgp-drinstances/{bgp_speaker_id} DELETE
/v2.0/agents/{agent_id}/dhcp-networks POST
/v2.0/agents/{agent_id}/dhcp-networks/{network_id} DELETE
/v2.0/agents/{agent_id}/l3-routers POST
/v2.0/agents/{agent_id}/l3-routers/{router_id} DELETE
/v2.0/auto-allocated-topology/{project_id} DELETE GET
/v2.0/bgp-peers GET POST
/v2.0/bgp-peers/{bgp_peer_id} DELETE GET PUT
/v2.0/bgp-speakers GET POST
/v2.0/bgp-speakers/{bgp_speaker_id} DELETE GET PUT
/v2.0/bgp-speakers/{bgp_speaker_id}/add_bgp_peer PUT
/v2.0/bgp-speakers/{bgp_speaker_id}/add_gateway_network PUT
/v2.0/bgp-speakers/{bgp_speaker_id}/bgp-dragents GET
/v2.0/bgp-speakers/{bgp_speaker_id}/get_advertised_routes GET
/v2.0/bgp-speakers/{bgp_speaker_id}/remove_bgp_peer PUT
/v2.0/bgp-speakers/{bgp_speaker_id}/remove_gateway_network PUT
/v2.0/bgpvpn/bgpvpns GET POST
/v2.0/bgpvpn/bgpvpns/{bgpvpn_id} DELETE GET PUT
/v2.0/bgpvpn/bgpvpns/{bgpvpn_id}/network_associations GET POST
/v2.0/bgpvpn/bgpvpns/{bgpvpn_id}/network_associations/{network_association_id} DELETE GET
/v2.0/bgpvpn/bgpvpns/{bgpvpn_id}/port_associations GET POST
/v2.0/bgpvpn/bgpvpns/{bgpvpn_id}/port_associations/{port_association_id} DELETE GET PUT
/v2.0/bgpvpn/bgpvpns/{bgpvpn_id}/router_associations GET POST
/v2.0/bgpvpn/bgpvpns/{bgpvpn_id}/router_associations/{router_association_id} DELETE GET PUT
/v2.0/default-security-group-rules GET POST
/v2.0/default-security-group-rules/{default_security_group_rule_id} DELETE GET
/v2.0/flavors GET POST
/v2.0/flavors/{flavor_id} DELETE GET PUT
/v2.0/flavors/{flavor_id}/service_profiles POST
/v2.0/flavors/{flavor_id}/service_profiles/{profile_id} DELETE
/v2.0/floatingips/{floatingip_id}/port_forwardings GET POST
/v2.0/floatingips/{floatingip_id}/port_forwardings/{port_forwarding_id} DELETE GET PUT
/v2.0/fwaas/firewall_groups GET POST
/v2.0/fwaas/firewall_groups/{firewall_group_id} DELETE GET PUT
/v2.0/fwaas/firewall_policies GET POST
/v2.0/fwaas/firewall_policies/{firewall_policy_id} DELETE GET PUT
/v2.0/fwaas/firewall_policies/{firewall_policy_id}/insert_rule PUT
/v2.0/fwaas/firewall_policies/{firewall_policy_id}/remove_rule PUT
/v2.0/fwaas/firewall_rules GET POST
/v2.0/fwaas/firewall_rules/{firewall_rule_id} DELETE GET PUT
/v2.0/local_ips GET POST
/v2.0/local_ips/{local_ip_id} DELETE GET PUT
/v2.0/local_ips/{local_ip_id}/port_associations GET POST
/v2.0/local_ips/{local_ip_id}/port_associations/{fixed_port_id} DELETE
/v2.0/log/loggable-resources GET
/v2.0/log/logs GET POST
/v2.0/log/logs/{log_id} DELETE GET PUT
/v2.0/metering/metering-label-rules GET POST
/v2.0/metering/metering-label-rules/{metering_label_rule_id} DELETE GET
/v2.0/metering/metering-labels GET POST
/v2.0/metering/metering-labels/{metering_label_id} DELETE GET
/v2.0/ndp_proxies GET POST
/v2.0/ndp_proxies/{ndp_proxy_id} DELETE GET PUT
/v2.0/network_segment_ranges GET POST
/v2.0/network_segment_ranges/{network_segment_range_id} DELETE GET PUT
/v2.0/ports/{port_id}/bindings GET POST
/v2.0/ports/{port_id}/bindings/{host} DELETE
/v2.0/ports/{port_id}/bindings/{host}/activate PUT
/v2.0/qos/alias_bandwidth_limit_rules/{rule_id} DELETE GET PUT
/v2.0/qos/alias_dscp_marking_rules/{dscp_rule_id} DELETE GET PUT
/v2.0/qos/alias_minimum_bandwidth_rules/{rule_id} DELETE GET PUT
/v2.0/qos/alias_minimum_packet_rate_rules/{rule_id} DELETE GET PUT
/v2.0/qos/policies GET POST
/v2.0/qos/policies/{policy_id} DELETE GET PUT
/v2.0/qos/policies/{policy_id}/bandwidth_limit_rules GET POST
/v2.0/qos/policies/{policy_id}/bandwidth_limit_rules/{rule_id} DELETE GET PUT
/v2.0/qos/policies/{policy_id}/dscp_marking_rules GET POST
/v2.0/qos/policies/{policy_id}/dscp_marking_rules/{dscp_rule_id} DELETE GET PUT
/v2.0/qos/policies/{policy_id}/minimum_bandwidth_rules GET POST
/v2.0/qos/policies/{policy_id}/minimum_bandwidth_rules/{rule_id} DELETE GET PUT
/v2.0/qos/policies/{policy_id}/minimum_packet_rate_rules GET POST
/v2.0/qos/policies/{policy_id}/minimum_packet_rate_rules/{rule_id} DELETE GET PUT
/v2.0/qos/policies/{policy_id}/packet_rate_limit_rules GET POST
/v2.0/qos/policies/{policy_id}/packet_rate_limit_rules/{rule_id} DELETE GET PUT
/v2.0/qos/rule-types GET
/v2.0/qos/rule-types/{rule_type} GET
/v2.0/rbac-policies GET POST
/v2.0/rbac-policies/{rbac_policy_id} DELETE GET PUT
/v2.0/routers/{router_id}/add_external_gateways PUT
/v2.0/routers/{router_id}/conntrack_helpers GET POST
/v2.0/routers/{router_id}/conntrack_helpers/{conntrack_helper_id} DELETE GET PUT
/v2.0/routers/{router_id}/remove_external_gateways PUT
/v2.0/routers/{router_id}/update_external_gateways PUT
/v2.0/security-groups-default-statefulness GET POST
/v2.0/security-groups-default-statefulness/{security_groups_default_statefulness_id} DELETE GET PUT
/v2.0/segments GET POST
/v2.0/segments/{segment_id} DELETE GET PUT
/v2.0/service-providers GET
/v2.0/service_profiles GET POST
/v2.0/service_profiles/{profile_id} DELETE GET PUT
/v2.0/subnetpools/{subnetpool_id}/onboard_network_subnets PUT
/v2.0/taas/tap_flows GET POST
/v2.0/taas/tap_flows/{taf_service_id} DELETE GET PUT
/v2.0/taas/tap_mirrors GET POST
/v2.0/taas/tap_mirrors/{tap_mirror_id} DELETE GET PUT
/v2.0/taas/tap_services GET POST
/v2.0/taas/tap_services/{tap_service_id} DELETE GET PUT
/v2.0/trunks GET POST
/v2.0/trunks/{trunk_id} DELETE GET PUT
/v2.0/trunks/{trunk_id}/add_subports PUT
/v2.0/trunks/{trunk_id}/get_subports GET
/v2.0/trunks/{trunk_id}/remove_subports PUT
/v2.0/vpn/endpoint-groups GET POST
/v2.0/vpn/endpoint-groups/{endpoint_group_id} DELETE GET PUT
/v2.0/vpn/ikepolicies GET POST
/v2.0/vpn/ikepolicies/{ikepolicy_id} DELETE GET PUT
/v2.0/vpn/ipsec-site-connections GET POST
/v2.0/vpn/ipsec-site-connections/{connection_id} DELETE GET PUT
/v2.0/vpn/ipsecpolicies GET POST
/v2.0/vpn/ipsecpolicies/{ipsecpolicy_id} DELETE GET PUT
/v2.0/vpn/vpnservices GET POST
/v2.0/vpn/vpnservices/{service_id} DELETE GET PUT
"""


async def _nothing(request: Request) -> Answer:
    raise NotFound("The resource could not be found.", type="HTTPNotFound")


def _operations() -> list[Operation]:
    return [
        Operation(method=method, path=path, handle=_nothing, raw=True, partly="absent", summary="not yet")
        for path, *methods in (line.split() for line in _PATHS.split("\n") if line)
        for method in methods
    ]


ABSENT = _operations()
