"""The services, independent of one another; `pileus.app` puts them together."""
