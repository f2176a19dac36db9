"""Views: pages, and the media that show them (terminal, Markdown, notebook)."""
