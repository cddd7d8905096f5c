# METADATA
# title: The redaction plan
# description: Which kinds of entities are replaced in the prompt and in the answer, by group.
# scope: package
# custom:
#   id: redaction.plan
#   action: block
#   owner: security
package gateway.rules.admission.redaction

import data.gateway.lib.subject

findings contains {
	"rule": "redaction.plan",
	"action": "block",
	"reason": "There is no plan for redaction.",
} if {
	not _planned
}

obligations contains {"redact": {side: plans}} if {
	some side in ["prompt", "answer"]
	some group in subject.groups
	plans := data.gateway.config.redaction[side][group]
}

_planned if {
	is_object(data.gateway.config.redaction.prompt)
	is_object(data.gateway.config.redaction.answer)
}
