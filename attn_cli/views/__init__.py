"""How it looks: pages, and the media that show them."""
