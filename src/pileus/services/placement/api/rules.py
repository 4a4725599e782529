"""Who may do what: the secure defaults of today's Placement."""

from pileus.kernel.policy import Rule

_BOTH = "rule:admin_or_service_api"
_READERS = "rule:admin_or_project_reader_or_service_api"
_OF = "/resource_providers/{uuid}"

_NAMED = (
    Rule("admin_api", "role:admin", doc="Administrators."),
    Rule("service_api", "role:service", doc="Services."),
    Rule("admin_or_service_api", "role:admin or role:service", doc="Most of placement."),
    Rule("project_reader_api", "role:reader and project_id:%(project_id)s", doc="Readers of a project.", scopes=()),
    Rule(_READERS.removeprefix("rule:"), "role:admin or rule:project_reader_api or role:service", doc="Usages."),
)

_GUARDED = (
    ("resource_providers:list", _BOTH, "List resource providers.", ("GET", "/resource_providers")),
    ("resource_providers:create", _BOTH, "Create a resource provider.", ("POST", "/resource_providers")),
    ("resource_providers:show", _BOTH, "Show a resource provider.", ("GET", _OF)),
    ("resource_providers:update", _BOTH, "Rename or re-parent a resource provider.", ("PUT", _OF)),
    ("resource_providers:delete", _BOTH, "Delete a resource provider.", ("DELETE", _OF)),
    ("resource_classes:list", _BOTH, "List resource classes.", ("GET", "/resource_classes")),
    ("resource_classes:create", _BOTH, "Create a resource class.", ("POST", "/resource_classes")),
    ("resource_classes:show", _BOTH, "Show a resource class.", ("GET", "/resource_classes/{name}")),
    ("resource_classes:update", _BOTH, "Ensure or rename a resource class.", ("PUT", "/resource_classes/{name}")),
    ("resource_classes:delete", _BOTH, "Delete a resource class.", ("DELETE", "/resource_classes/{name}")),
    ("resource_providers:inventories:list", _BOTH, "List a provider's inventories.", ("GET", f"{_OF}/inventories")),
    ("resource_providers:inventories:create", _BOTH, "Add an inventory.", ("POST", f"{_OF}/inventories")),
    (
        "resource_providers:inventories:show", _BOTH, "Show an inventory.",
        ("GET", f"{_OF}/inventories/{{resource_class}}"),
    ),
    (
        "resource_providers:inventories:update", _BOTH, "Change inventories.",
        ("PUT", f"{_OF}/inventories"), ("PUT", f"{_OF}/inventories/{{resource_class}}"),
    ),
    (
        "resource_providers:inventories:delete", _BOTH, "Delete inventories.",
        ("DELETE", f"{_OF}/inventories"), ("DELETE", f"{_OF}/inventories/{{resource_class}}"),
    ),
    ("resource_providers:aggregates:list", _BOTH, "List a provider's aggregates.", ("GET", f"{_OF}/aggregates")),
    ("resource_providers:aggregates:update", _BOTH, "Set a provider's aggregates.", ("PUT", f"{_OF}/aggregates")),
    ("resource_providers:usages", _BOTH, "List a provider's usages.", ("GET", f"{_OF}/usages")),
    ("usages", _READERS, "List a project's usages.", ("GET", "/usages")),
    ("traits:list", _BOTH, "List traits.", ("GET", "/traits")),
    ("traits:show", _BOTH, "Show a trait.", ("GET", "/traits/{name}")),
    ("traits:update", _BOTH, "Ensure a trait.", ("PUT", "/traits/{name}")),
    ("traits:delete", _BOTH, "Delete a trait.", ("DELETE", "/traits/{name}")),
    ("resource_providers:traits:list", _BOTH, "List a provider's traits.", ("GET", f"{_OF}/traits")),
    ("resource_providers:traits:update", _BOTH, "Set a provider's traits.", ("PUT", f"{_OF}/traits")),
    ("resource_providers:traits:delete", _BOTH, "Remove a provider's traits.", ("DELETE", f"{_OF}/traits")),
    ("allocations:manage", _BOTH, "Set allocations of several consumers.", ("POST", "/allocations")),
    ("allocations:list", _BOTH, "Show a consumer's allocations.", ("GET", "/allocations/{consumer_uuid}")),
    ("allocations:update", _BOTH, "Set a consumer's allocations.", ("PUT", "/allocations/{consumer_uuid}")),
    ("allocations:delete", _BOTH, "Remove a consumer's allocations.", ("DELETE", "/allocations/{consumer_uuid}")),
    ("resource_providers:allocations:list", _BOTH, "List a provider's allocations.", ("GET", f"{_OF}/allocations")),
    ("allocation_candidates:list", _BOTH, "List allocation candidates.", ("GET", "/allocation_candidates")),
    ("reshaper:reshape", "rule:service_api", "Move inventories and allocations between providers.", ("POST", "/reshaper")),
)  # fmt: skip

RULES = [
    *_NAMED,
    *(Rule(f"placement:{name}", check, doc=doc, operations=tuple(at)) for name, check, doc, *at in _GUARDED),
]
