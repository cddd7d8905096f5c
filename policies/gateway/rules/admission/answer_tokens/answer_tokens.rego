# METADATA
# title: Ceiling of the answer
# description: An answer is capped at the ceiling of the subject's groups.
# scope: package
# custom:
#   id: tokens.answer
#   action: allow
#   owner: platform
package gateway.rules.admission.answer_tokens

import data.gateway.lib.limits

findings contains {
	"rule": "tokens.answer",
	"action": "block",
	"reason": "No ceiling is known for answers to you.",
} if {
	not _bounded
}

findings contains {
	"rule": "tokens.answer",
	"action": "allow",
	"reason": "The answer is capped at the ceiling of your groups.",
} if {
	input.tokens.requested > limits.answer_tokens
}

obligations contains {"max_tokens": limits.answer_tokens} if not _fits

_bounded if is_number(limits.answer_tokens)

_fits if {
	is_number(input.tokens.requested)
	input.tokens.requested <= limits.answer_tokens
}
