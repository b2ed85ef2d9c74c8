"""The operator's pages in Django's admin that need more than one part: cameras with what is stored of them."""
