# METADATA
# title: The soft rules to ask
# description: "Every soft rule is an obligation: its verdict is demanded in the later phases."
# scope: package
# custom:
#   id: soft.plan
#   action: block
#   owner: security
package gateway.rules.admission.soft

findings contains {
	"rule": "soft.plan",
	"action": "block",
	"reason": "The list of soft rules is missing.",
} if {
	not _listed
}

obligations contains {"soft": data.gateway.config.soft_rules.rules}

_listed if is_array(data.gateway.config.soft_rules.rules)
