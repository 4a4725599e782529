"""`/v2.0/floatingips`."""

from pileus.kernel.rest import creates, deletes, lists, shows, updates
from pileus.services.network.api.attributes import ANY_TEXT, DNS_DOMAIN, DNS_NAME, ID, IP, OBJECT, Attr, or_null
from pileus.services.network.api.noun import Standard
from pileus.services.network.core import floating as core


class FloatingIPs(Standard):
    """Addresses of external networks that stand for ports' own."""

    stem, member, plural, path = "FloatingIP", "floatingip", "floatingips", "/v2.0/floatingips"
    rules = {
        "list": "",
        "show": "get_floatingip",
        "create": "create_floatingip",
        "update": "update_floatingip",
        "delete": "delete_floatingip",
    }

    address = Attr(
        or_null(IP),
        "show list create",
        wire="floating_ip_address",
        default=None,
        sort=True,
        match=True,
        guard={"create": "create_floatingip:floating_ip_address"},
    )
    subnet_id = Attr(or_null(ID), "create", default=None)
    network_id = Attr(ID, "show list create", wire="floating_network_id", required=True, sort=True, match=True)
    router_id = Attr(ANY_TEXT, "show list", sort=True, match=True)
    port_id = Attr(or_null(ID), match=True)
    fixed_ip = Attr(or_null(IP), wire="fixed_ip_address", sort=True, match=True)
    status = Attr(ANY_TEXT, "show list", sort=True, match=True)
    port_details = Attr(OBJECT, "show list")
    dns_name = Attr(DNS_NAME, "show list create", default="")
    dns_domain = Attr(DNS_DOMAIN, "show list create", default="")

    get = core.get
    list = lists(core.page)
    show = shows()
    create = creates(core.create, bulk=True)
    update = updates(core.update)
    delete = deletes(core.delete)
