"""Groups of the identity provider, and the roles that they have in projects."""
