"""The pages that browsers see: where to log in, and the ways back to us and to the dashboard. No script but one, no style, no frame."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from urllib.parse import urlsplit

from pileus.kernel.rest import Answer

_SUBMIT = "document.forms[0].submit()"
_SUBMIT_HASH = base64.b64encode(hashlib.sha256(_SUBMIT.encode()).digest()).decode()


def _page(title: str, content: str, policy: str, headers: Mapping[str, str]) -> Answer:
    text = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
        f"<body>{content}</body></html>"
    )
    return Answer(
        200,
        None,
        {
            "Cache-Control": "no-store",
            "Content-Security-Policy": f"default-src 'none'; base-uri 'none'; frame-ancestors 'none'; {policy}",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            **headers,
        },
        raw=text.encode(),
        media="text/html; charset=utf-8",
    )


def way_back(origin: str, token: str, headers: Mapping[str, str]) -> Answer:
    """A form that posts the token to a trusted dashboard, by itself where scripts run."""
    parts = urlsplit(origin)
    form = (
        f'<form method="post" action="{escape(origin)}"><input type="hidden" name="token" value="{escape(token)}">'
        f"<noscript><button>Continue</button></noscript></form><script>{_SUBMIT}</script>"
    )
    policy = f"script-src 'sha256-{_SUBMIT_HASH}'; form-action {parts.scheme}://{parts.netloc}"
    return _page("Logging in", form, policy, headers)


def once_more(url: str, fields: Mapping[str, str]) -> Answer:
    """The same form again, posted from a page of ours: browsers bring our cookies along with such only."""
    hidden = "".join(f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in fields.items())
    form = (
        f'<form method="post" action="{escape(url)}">{hidden}<noscript><button>Continue</button></noscript></form>'
        f"<script>{_SUBMIT}</script>"
    )
    return _page("Logging in", form, f"script-src 'sha256-{_SUBMIT_HASH}'; form-action 'self'", {})


def choice(links: Mapping[str, str]) -> Answer:
    """Providers to choose from: URLs by title."""
    items = "".join(f'<li><a href="{escape(url)}">{escape(title)}</a></li>' for title, url in links.items())
    return _page("Log in with", f"<h1>Log in with</h1><ul>{items}</ul>", "form-action 'none'", {})
