"""Who may do what with metadata definitions."""

from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import PROJECT_READER

_ADMIN = "rule:context_is_admin"
_READER = f"{_ADMIN} or ({PROJECT_READER})"
_SEEN = f"{_ADMIN} or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"
_EDITOR = "rule:metadef_admin"
_ROOT = "/v2/metadefs/namespaces"
_ONE = f"{_ROOT}/{{namespace_name}}"


def _of(kind: str, plural: str, parameter: str) -> tuple[Rule, ...]:
    """The five rules of one kind of definition."""
    many, one = f"{_ONE}/{plural}", f"{_ONE}/{plural}/{{{parameter}}}"
    drop = "remove" if kind == "property" else "delete"
    return (
        Rule(f"get_metadef_{kind}", _SEEN, f"Show a {kind}.", operations=(("GET", one),)),
        Rule(f"get_metadef_{plural}", _SEEN, f"List {plural}.", operations=(("GET", many),)),
        Rule(f"modify_metadef_{kind}", _EDITOR, f"Change a {kind}.", operations=(("PUT", one),)),
        Rule(f"add_metadef_{kind}", _EDITOR, f"Define a {kind}.", operations=(("POST", many),)),
        Rule(f"{drop}_metadef_{kind}", _EDITOR, f"Remove a {kind}.", operations=(("DELETE", one),)),
    )


RULES: tuple[Rule, ...] = (
    Rule("metadef_default", "", "Kept for operators' own rules.", ()),
    Rule("metadef_admin", _ADMIN, "Who edits metadata definitions.", ()),
    Rule("get_metadef_namespace", _SEEN, "Show a namespace.", operations=(("GET", _ONE),)),
    Rule("get_metadef_namespaces", _READER, "List namespaces.", operations=(("GET", _ROOT),)),
    Rule("modify_metadef_namespace", _EDITOR, "Change a namespace.", operations=(("PUT", _ONE),)),
    Rule("add_metadef_namespace", _EDITOR, "Make a namespace.", operations=(("POST", _ROOT),)),
    Rule("delete_metadef_namespace", _EDITOR, "Delete a namespace.", operations=(("DELETE", _ONE),)),
    *_of("object", "objects", "object_name"),
    *_of("property", "properties", "property_name"),
    *_of("tag", "tags", "tag_name"),
    Rule("add_metadef_tags", _EDITOR, "Define many tags.", operations=(("POST", f"{_ONE}/tags"),)),
    Rule("delete_metadef_tags", _EDITOR, "Remove all tags.", operations=(("DELETE", f"{_ONE}/tags"),)),
    Rule(
        "list_metadef_resource_types",
        _SEEN,
        "List resource types.",
        operations=(("GET", "/v2/metadefs/resource_types"),),
    ),
    Rule(
        "get_metadef_resource_type",
        _SEEN,
        "List a namespace's resource types.",
        operations=(("GET", f"{_ONE}/resource_types"),),
    ),
    Rule(
        "add_metadef_resource_type_association",
        _EDITOR,
        "Associate a resource type.",
        operations=(("POST", f"{_ONE}/resource_types"),),
    ),
    Rule(
        "remove_metadef_resource_type_association",
        _EDITOR,
        "Take an association back.",
        operations=(("DELETE", f"{_ONE}/resource_types/{{name}}"),),
    ),
)
