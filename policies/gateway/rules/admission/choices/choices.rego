# METADATA
# title: Answers a call
# description: A call asks for at most as many answers at once as the subject's groups allow.
# scope: package
# custom:
#   id: tokens.choices
#   action: block
#   owner: platform
package gateway.rules.admission.choices

import data.gateway.lib.limits

findings contains {
	"rule": "tokens.choices",
	"action": "block",
	"reason": "The call asks for more answers at once than your groups allow.",
} if {
	not _fits
}

_fits if {
	is_number(_asked)
	_asked <= limits.choices
}

_asked := object.get(input.parameters, "n", 1)
