"""Everything that needs a mail: texts, tokens, links, what following one changes, and PKCE."""
