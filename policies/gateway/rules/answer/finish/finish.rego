# METADATA
# title: A known end
# description: An answer ends for a reason that is known, or has not ended yet; one that is numbers has no reason to end.
# scope: package
# custom:
#   id: answer.finish
#   action: block
#   owner: platform
package gateway.rules.answer.finish

import data.gateway.lib.answers

findings contains {
	"rule": "answer.finish",
	"action": "block",
	"reason": "The answer ended in a way that is not known.",
} if {
	not _known
}

_known if input.answer.final == false

_known if answers.wordless

_known if {
	input.answer.final == true
	count(input.answer.finish) > 0
	every reason in input.answer.finish {
		reason in data.gateway.config.answers.finish
	}
}
