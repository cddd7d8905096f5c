"""Reading `sluicegate.yaml`: YAML nodes with their lines → checked settings."""
