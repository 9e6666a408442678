"""The generated parts of the report: paragraphs of Markdown, made from runs alone."""
