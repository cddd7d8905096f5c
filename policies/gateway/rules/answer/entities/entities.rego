# METADATA
# title: Entities in the answer
# description: "Says that entities in the answer were replaced; blocks an answer whose entities are not known."
# scope: package
# custom:
#   id: redaction.answer
#   action: redact
#   owner: security
package gateway.rules.answer.entities

findings contains {
	"rule": "redaction.answer",
	"action": "block",
	"reason": "It is not known what the answer contains.",
} if {
	not _known
}

findings contains {
	"rule": "redaction.answer",
	"action": "redact",
	"reason": "Personal details in the answer were replaced.",
} if {
	some count in input.answer.entities
	count > 0
}

_known if {
	every count in input.answer.entities {
		is_number(count)
	}
}
