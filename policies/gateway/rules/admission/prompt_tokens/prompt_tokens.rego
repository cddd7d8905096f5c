# METADATA
# title: Ceiling of the prompt
# description: A prompt has at most as many tokens as the subject's groups allow.
# scope: package
# custom:
#   id: tokens.prompt
#   action: block
#   owner: platform
package gateway.rules.admission.prompt_tokens

import data.gateway.lib.limits

findings contains {
	"rule": "tokens.prompt",
	"action": "block",
	"reason": "The prompt has more tokens than your groups allow.",
} if {
	not _fits
}

# In Rego null and false are less than every number, so the type is part of the comparison.
_fits if {
	is_number(input.tokens.prompt)
	input.tokens.prompt <= limits.prompt_tokens
}
