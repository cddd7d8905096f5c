# METADATA
# title: Soft rules on the prompt
# description: A prompt passes when every soft rule on prompts has a verdict that lets it pass.
# scope: package
# custom:
#   id: soft.prompt
#   action: block
#   owner: security
package gateway.rules.prompt.soft

import data.gateway.lib.soft

findings contains soft.denial(rule, _verdicts) if {
	some rule in _asked
	not _good(rule)
}

findings contains soft.excuse(rule) if {
	some rule in _asked
	soft.excused(rule, _verdicts)
}

_asked contains rule if {
	some rule in data.gateway.config.soft_rules.rules
	rule.side == "prompt"
}

_good(rule) if soft.passes(rule, _verdicts)

_good(rule) if soft.excused(rule, _verdicts)

_good(rule) if soft.awaited(rule, _verdicts)

# No verdicts at all: then every rule goes without one.
default _verdicts := {}

_verdicts := input.soft
