# METADATA
# title: Sluicegate's policies
# description: What every package below is checked with. Version 1 of the input and of the decision.
# scope: subpackages
# schemas:
#   - input: schema.input
#   - data.gateway.config.answers: schema.config.answers
#   - data.gateway.config.documents: schema.config.documents
#   - data.gateway.config.grants: schema.config.grants
#   - data.gateway.config.limits: schema.config.limits
#   - data.gateway.config.media: schema.config.media
#   - data.gateway.config.redaction: schema.config.redaction
#   - data.gateway.config.soft_rules: schema.config.soft_rules
#   - data.gateway.config.tools: schema.config.tools
package gateway
