"""Those who say who somebody is: OpenID Connect providers and SAML identity providers."""
