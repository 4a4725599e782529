"""Who may do what with images: the rules by their public names, with today's secure defaults."""

from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import PROJECT_MEMBER, PROJECT_READER
from pileus.services.image.core import metadef_rules

_ADMIN = "rule:context_is_admin"
_MEMBER = f"{_ADMIN} or ({PROJECT_MEMBER})"
_READER = f"{_ADMIN} or ({PROJECT_READER})"
_SEEN = (
    "(project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s"
    " or 'public':%(visibility)s or 'shared':%(visibility)s)"
)
_CREATOR = f"{_ADMIN} or ({PROJECT_MEMBER} and project_id:%(owner)s)"
_OFFERED = f"{_ADMIN} or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))"
_IMAGES, _IMAGE = "/v2/images", "/v2/images/{image_id}"
_MEMBERS, _ONE_MEMBER = f"{_IMAGE}/members", f"{_IMAGE}/members/{{member_id}}"

RULES: tuple[Rule, ...] = (
    Rule("default", "", "Rules that are not there are asked as this one.", ()),
    Rule("context_is_admin", "role:admin", "Who counts as administrator of images.", ()),
    Rule("service_api", "role:service or role:admin", "Who counts as a neighbouring service.", ()),
    Rule("add_image", _CREATOR, "Create an image.", operations=(("POST", _IMAGES),)),
    Rule("delete_image", _MEMBER, "Delete an image.", operations=(("DELETE", _IMAGE),)),
    Rule("get_image", f"{_ADMIN} or (role:reader and {_SEEN})", "Show an image.", operations=(("GET", _IMAGE),)),
    Rule("get_images", _READER, "List images.", operations=(("GET", _IMAGES),)),
    Rule("modify_image", _MEMBER, "Change an image.", operations=(("PATCH", _IMAGE),)),
    Rule("publicize_image", _ADMIN, "Make an image public.", operations=(("PATCH", _IMAGE),)),
    Rule("communitize_image", _MEMBER, "Offer an image to everybody.", operations=(("PATCH", _IMAGE),)),
    Rule(
        "download_image",
        f"{_ADMIN} or (role:member and {_SEEN})",
        "Read an image's data.",
        operations=(("GET", f"{_IMAGE}/file"),),
    ),
    Rule(
        "download_from_store",
        f"{_ADMIN} or (role:member and {_SEEN})",
        "Choose the store that data are read from.",
        operations=(("GET", f"{_IMAGE}/file"),),
    ),
    Rule("upload_image", _MEMBER, "Write an image's data.", operations=(("PUT", f"{_IMAGE}/file"),)),
    Rule("delete_image_location", _ADMIN, "Remove a location.", operations=(("PATCH", _IMAGE),)),
    Rule("get_image_location", _READER, "See locations.", operations=(("GET", _IMAGE),)),
    Rule("set_image_location", _MEMBER, "Set locations.", operations=(("PATCH", _IMAGE),)),
    Rule(
        "add_image_location",
        f"rule:service_api or ({PROJECT_MEMBER} and project_id:%(owner)s)",
        "Add a location.",
        operations=(("POST", f"{_IMAGE}/locations"),),
    ),
    Rule("fetch_image_location", "rule:service_api", "List locations.", operations=(("GET", f"{_IMAGE}/locations"),)),
    Rule("add_member", _MEMBER, "Share an image.", operations=(("POST", _MEMBERS),)),
    Rule("delete_member", _MEMBER, "Stop sharing an image.", operations=(("DELETE", _ONE_MEMBER),)),
    Rule("get_member", _OFFERED, "Show a member.", operations=(("GET", _ONE_MEMBER),)),
    Rule("get_members", _OFFERED, "List members.", operations=(("GET", _MEMBERS),)),
    Rule(
        "modify_member",
        f"{_ADMIN} or (role:member and project_id:%(member_id)s)",
        "Accept or reject an offered image.",
        operations=(("PUT", _ONE_MEMBER),),
    ),
    Rule("deactivate", _MEMBER, "Stop downloads.", operations=(("POST", f"{_IMAGE}/actions/deactivate"),)),
    Rule("reactivate", _MEMBER, "Allow downloads again.", operations=(("POST", f"{_IMAGE}/actions/reactivate"),)),
    Rule("copy_image", _ADMIN, "Copy data to other stores.", operations=(("POST", f"{_IMAGE}/import"),)),
    Rule("stores_info_detail", _ADMIN, "See the stores' details.", operations=(("GET", "/v2/info/stores/detail"),)),
    Rule("tasks_api_access", _ADMIN, "Use the tasks.", operations=(("GET", "/v2/tasks"), ("POST", "/v2/tasks"))),
    *metadef_rules.RULES,
)
