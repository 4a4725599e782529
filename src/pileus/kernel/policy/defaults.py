"""The secure role defaults of today's OpenStack, as checks for services to declare their rules with.

A caller's roles include the implied ones (admin > manager > member > reader), so `role:reader` admits all four.
The owner's checks expect `project_id` in the target.
"""

ANYBODY = "@"
NOBODY = "!"
ADMIN = "role:admin"
SERVICE = "role:service"
OWNER = "user_id:%(user_id)s"

PROJECT_MANAGER = "role:manager and project_id:%(project_id)s"
PROJECT_MEMBER = "role:member and project_id:%(project_id)s"
PROJECT_READER = "role:reader and project_id:%(project_id)s"
PROJECT_ADMIN = "role:admin and project_id:%(project_id)s"

ADMIN_OR_SERVICE = f"{ADMIN} or {SERVICE}"
ADMIN_OR_OWNER = f"{ADMIN} or {OWNER}"
PROJECT_MANAGER_OR_ADMIN = f"({PROJECT_MANAGER}) or {ADMIN}"
PROJECT_MEMBER_OR_ADMIN = f"({PROJECT_MEMBER}) or {ADMIN}"
PROJECT_READER_OR_ADMIN = f"({PROJECT_READER}) or {ADMIN}"

SYSTEM_ADMIN = "role:admin and system_scope:all"
SYSTEM_MEMBER = "role:member and system_scope:all"
SYSTEM_READER = "role:reader and system_scope:all"

DOMAIN_ADMIN = "role:admin and domain_id:%(domain_id)s"
DOMAIN_MANAGER = "role:manager and domain_id:%(domain_id)s"
DOMAIN_READER = "role:reader and domain_id:%(domain_id)s"
