"""The subcommands of ``dafec``: what each reads, calls and prints. Heavy modules are imported inside them."""
