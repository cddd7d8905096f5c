# METADATA
# title: Soft rules on the answer
# description: "An answer passes when every soft rule on answers has a verdict that lets it pass; until its end a missing one may still come."
# scope: package
# custom:
#   id: soft.answer
#   action: block
#   owner: security
package gateway.rules.answer.soft

import data.gateway.lib.answers
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
	rule.side == "answer"
}

_good(rule) if soft.passes(rule, _verdicts)

_good(rule) if soft.excused(rule, _verdicts)

_good(rule) if {
	input.answer.final == false
	not soft.broken(rule, _verdicts)
	not _failed(rule)
}

# There is no text that a judge could have read.
_good(rule) if {
	answers.wordless
	not _verdicts[rule.rule]
}

_failed(rule) if {
	_verdicts[rule.rule].status == "error"
}

# No verdicts at all: then every rule goes without one.
default _verdicts := {}

_verdicts := input.answer.soft
