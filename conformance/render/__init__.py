"""Reports made visible: terminal, page, JSON, JUnit, Markdown, badge. Their data stand in ``conformance.report``."""
