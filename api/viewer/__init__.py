"""The pages: templates, static files, and what stands between a report and a person."""
