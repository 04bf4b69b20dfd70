"""Second factors: authenticator apps, their codes and secrets, and what administrators may do with them."""
