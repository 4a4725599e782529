"""S3's bucket policies: documents of statements that allow or deny, read once and then asked.

`documents.read` checks a text and gives a `Policy`; `Policy.judge` answers a `Question`. Pure: no rows, no HTTP, no clock.
"""

from pileus.services.objectstore.core.bucket_policy.documents import LARGEST, read
from pileus.services.objectstore.core.bucket_policy.faults import Malformed
from pileus.services.objectstore.core.bucket_policy.policies import Effect, Policy
from pileus.services.objectstore.core.bucket_policy.questions import Question, Who

__all__ = ["LARGEST", "Effect", "Malformed", "Policy", "Question", "Who", "read"]
