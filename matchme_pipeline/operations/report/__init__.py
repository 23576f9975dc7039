"""The week's report: collected once, kept as data, shown as Markdown, as HTML and as a message."""
