"""Reports for readers: terminal, page, JSON, JUnit, Markdown, badge. ``conformance.report`` holds the data."""
