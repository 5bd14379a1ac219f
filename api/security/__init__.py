"""Who did what: the audit log and its keys. Passwords, sessions and roles will stand here too."""
