"""The secure role defaults of today's OpenStack, as checks for services to declare their rules with.

A caller's roles include the implied ones (admin > manager > member > reader), so `role:reader` admits all four.
The owner's checks expect `project_id` in the target.
"""

ANYBODY = "@"
ADMIN = "role:admin"
PROJECT_MEMBER = "role:member and project_id:%(project_id)s"
PROJECT_READER = "role:reader and project_id:%(project_id)s"
PROJECT_MEMBER_OR_ADMIN = f"({PROJECT_MEMBER}) or {ADMIN}"
PROJECT_READER_OR_ADMIN = f"({PROJECT_READER}) or {ADMIN}"
