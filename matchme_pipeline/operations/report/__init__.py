"""The week's report: collected once, stored as data, shown as Markdown, as HTML and as a message."""
