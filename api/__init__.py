"""The local service of DAFEC: screenings over HTTP and the desk's page; ``dafec`` never imports it."""
