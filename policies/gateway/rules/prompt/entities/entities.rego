# METADATA
# title: Entities in the prompt
# description: "Says that entities in the prompt were replaced; blocks a prompt whose entities are not known."
# scope: package
# custom:
#   id: redaction.prompt
#   action: redact
#   owner: security
package gateway.rules.prompt.entities

findings contains {
	"rule": "redaction.prompt",
	"action": "block",
	"reason": "It is not known what the prompt contains.",
} if {
	not _known
}

findings contains {
	"rule": "redaction.prompt",
	"action": "redact",
	"reason": "Personal details in the prompt were replaced before the model read it.",
} if {
	some count in input.entities
	count > 0
}

_known if {
	every count in input.entities {
		is_number(count)
	}
}
