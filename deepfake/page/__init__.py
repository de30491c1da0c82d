"""The web page: thin, what it shows is made elsewhere in the library."""
