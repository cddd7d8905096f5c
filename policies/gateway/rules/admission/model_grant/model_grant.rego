# METADATA
# title: Model grants
# description: A subject may call the models that were granted to one of their groups.
# scope: package
# custom:
#   id: model.grant
#   action: block
#   owner: platform
package gateway.rules.admission.model_grant

import data.gateway.lib.subject

findings contains {
	"rule": "model.grant",
	"action": "block",
	"reason": "None of your groups has a grant for this model.",
} if {
	not _granted
}

_granted if {
	some group in subject.groups
	input.model in data.gateway.config.grants.models[group]
}
