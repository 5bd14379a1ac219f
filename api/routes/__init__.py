"""HTTP only, one module per noun. What the service does stands in ``api.casework``."""
